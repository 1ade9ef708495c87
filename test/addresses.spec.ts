import { TestApp, uniqueEmail } from './support/app.js';
import { mailsTo, mailTo } from './support/mailbox.js';
import { runScript } from './support/scripts.js';
import { LIMITED, login, newClient, times } from './support/sign-ins.js';
import { until } from './support/until.js';

const PASSWORD = 'correct horse battery';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const register = (email: string, app = service) =>
  app.post('/auth/register', { email, name: 'Ada', password: PASSWORD });

/** What is not shown, or is not there yet. */
const UNSEEN = {
  'a soft hyphen': '\u00ad',
  'a space of no width': '\u200b',
  'a word joiner': '\u2060',
  'a grapheme joiner': '\u034f',
  'a byte order mark': '\ufeff',
  'a variation selector': '\ufe0f',
  'a filler': '\u3164',
  'a joiner': '\u200d',
  'a mark of direction': '\u200e',
  'an override of direction': '\u202e',
  'a control character': '\u0007',
  'a line separator': '\u2028',
  'a code point for private use': '\ue000',
  'a code point that is not assigned': '\u0378',
};

describe('an e-mail address', () => {
  it.each(Object.entries(UNSEEN))('is refused with %s in any place', async (_, unseen) => {
    for (const spelling of [`ad${unseen}a@example.com`, `ada@exam${unseen}ple.com`, `${unseen}ada@example.com`]) {
      const { status, body } = await register(spelling);
      expect([spelling, status, body.error?.type]).toEqual([spelling, 400, 'validation_failed']);
      expect(body.error.details.map(({ field }: { field: string }) => field)).toContain('email');
    }
  });

  it.each([
    ['its letters', 'bücher-one.example'],
    ['decomposed letters', 'bu\u0308cher-one.example'],
    ['capitals', 'BÜCHER-ONE.example'],
    ['wide letters and another full stop', 'ｂücher-one\u3002example'],
  ])('is stored and shown with the A-label of a domain given in %s', async (_, domain) => {
    const email = `ada@${domain}`;
    await service.sql(`DELETE FROM users WHERE email = 'ada@xn--bcher-one-q9a.example'`);
    const { status, body } = await register(email);
    expect([status, body.user?.email]).toEqual([201, 'ada@xn--bcher-one-q9a.example']);
    for (const spelling of ['ada@bücher-one.example', 'ADA@XN--BCHER-ONE-Q9A.example', email]) {
      expect((await register(spelling)).body.error.type).toBe('email_taken');
      expect((await login(service, spelling, PASSWORD)).body.user?.email).toBe(body.user.email);
    }
  });

  it.each([
    'rené@example.com',
    'ａｄａ@example.com',
    '\u212aate@example.com',
    '"a b"@example.com',
    'a..b@example.com',
    '.a@example.com',
    'a b@example.com',
    'a@b@example.com',
    '@example.com',
    'ada@localhost',
    'ada@192.0.2.1',
    'ada@[192.0.2.1]',
    'ada@example.0x7f',
    'ada@example.123',
    'ada@example..com',
    'ada@example.com.',
    'ada@-example.com',
    'ada@example-.com',
    'ada@ex_ample.com',
    'ada@xn--a.com',
    'ada@exam\u200dple.com',
    'ada@example.com/path',
    'ada@example%2ecom',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'ü'.repeat(60)}.example`,
    `${'a'.repeat(60)}@${`${'b'.repeat(60)}.`.repeat(3)}example.com`,
  ])('is refused: %j', async (email) => {
    const { status, body } = await register(email);
    expect([status, body.error?.type]).toEqual([400, 'validation_failed']);
  });

  it.each(["o'hara+tag_{x}~!#$%&*/=?^`|-@ab--c.org", 'a@1.example', `${'a'.repeat(64)}@example.com`, 'a@faß.example'])(
    'may be %j',
    async (email) => {
      expect((await register(email)).status).toBe(201);
    },
  );
});

describe('an invalid address', () => {
  const ODD = ['ad\u200ba@example.com', 'ada@exam\u00adple.com', 'rené@example.com', 'ada@ex\u3164ample.com'];

  it.each(ODD)('is answered like an unknown one: %j', async (email) => {
    const unknown = uniqueEmail();
    for (const [path, body] of [
      ['/auth/login', { password: PASSWORD }],
      ['/auth/password/forgot', {}],
      ['/auth/email/resend', {}],
    ] as const) {
      const [odd, plain] = await Promise.all(
        [email, unknown].map((address) => service.post(path, { ...body, email: address })),
      );
      const { request_id: _, ...expected } = plain!.body;
      expect([path, odd!.status, odd!.body]).toMatchObject([path, plain!.status, expected]);
    }
  });
});

describe('an administrator', () => {
  it('is found by any spelling, in the command and in ADMIN_BOOTSTRAP_EMAIL', async () => {
    const { code, output } = await runScript('admin-create', ['--email', 'Root@Bücher.example']);
    expect([code, output]).toEqual([0, expect.stringContaining('root@xn--bcher-kva.example is an administrator')]);
    const rows = await service.sql(`UPDATE users SET role = 'user' WHERE role = 'admin' RETURNING email`);
    expect(rows).toEqual([{ email: 'root@xn--bcher-kva.example' }]);
    const second = await TestApp.start({ ADMIN_BOOTSTRAP_EMAIL: 'ROOT@BÜCHER.example' });
    await until(async () => (await service.sql(`SELECT FROM users WHERE role = 'admin'`)).length === 1);
    await second.stop();
  }, 60_000);
});

describe('a limit of mails', () => {
  it('counts mailboxes, not spellings', async () => {
    const limited = await TestApp.start({ ...LIMITED, RATE_LIMIT_MAIL_ADDRESS: '3' });
    const email = 'flooded@xn--bcher-kva.example';
    await register('flooded@bücher.example', limited);
    const spellings = [
      'bücher.example',
      'bu\u0308cher.example',
      'bücher\u3002example',
      'xn--bcher-kva.example',
      'bü\u00adcher.example',
    ];
    const ask = (from: () => string) =>
      times(spellings.length, (index) =>
        limited.request('POST', '/auth/password/forgot', {
          body: { email: `flooded@${spellings[index]}` },
          remoteAddress: from(),
        }),
      );
    const client = newClient();
    expect((await ask(() => client)).map(({ status }) => status)).toEqual([202, 202, 202, 429, 429]);
    expect((await ask(newClient)).map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    await until(async () => (await mailsTo(email, 'password_reset')).length === 3);
    // All earlier mail is sent before this one.
    await register('afterwards@example.com', limited);
    await mailTo('afterwards@example.com', 'email_verification');
    expect(await mailsTo(email, 'password_reset')).toHaveLength(3);
    await limited.stop();
  });
});
