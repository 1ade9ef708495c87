import { Answer, Member, TestApp, uniqueEmail } from './support/app.js';
import { BodyRoute, bodyOf, bodyRoutes, callersOf, type TokenOf, tryValues } from './support/body-routes.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const MAX_ANSWER_BYTES = 8 * 1024;

let service: TestApp;
let routes: BodyRoute[];
let tokenOf: TokenOf;
let target: Member;
/** The words that the interface document lists. */
let words: string[];

beforeAll(async () => {
  service = await TestApp.start();
  ({ tokenOf } = await callersOf(service));
  target = await service.member();
  routes = await bodyRoutes(service);
  words = (await service.get('/docs-json')).body.components.schemas.ErrorDetailBody.properties.rule.enum;
});
afterAll(() => service.stopAndDrop());

function send(route: BodyRoute, payload: string | Buffer | undefined, headers: Record<string, string> = JSON_TYPE) {
  const access = tokenOf(route, target);
  return service.request(route.method, route.path.replace('{id}', target.id), { payload, token: access, headers });
}

const detailsOf = ({ body }: Answer): { field: string; rule: string; message: string }[] => body.error?.details ?? [];
const rulesOf = (answer: Answer) => detailsOf(answer).map(({ field, rule }) => `${field} ${rule}`);

const limitsOf = ({ path }: BodyRoute) =>
  path.startsWith('/auth/') ? { entries: 200, bytes: 16 * 1024 } : { entries: 1000, bytes: 64 * 1024 };

describe('a body on any route', () => {
  it('is refused with one key or list entry more than allowed', async () => {
    for (const route of routes) {
      const { entries } = limitsOf(route);
      const half = entries / 2;
      // Two keys, an empty list that is the entry of another, and the rest side by side.
      const body = (more: number) => `{"x":[${'0,'.repeat(half)}[]],"y":{${keys(half - 3 + more)}}}`;
      const keys = (count: number) => Array.from({ length: count }, (_, index) => `"k${index}":{}`).join();
      const many = await send(route, body(1));
      expect([route.path, many.status, rulesOf(many)]).toEqual([route.path, 400, ['body too_many']]);
      expect([route.path, rulesOf(await send(route, body(0)))]).toEqual([
        route.path,
        ['x unknown_field', 'y unknown_field'],
      ]);
    }
  });

  it('is refused with one byte more than allowed', async () => {
    for (const route of routes) {
      const { bytes } = limitsOf(route);
      const body = (length: number) => `{"x":"${'x'.repeat(length - 8)}"}`;
      const answers = [await send(route, body(bytes)), await send(route, body(bytes + 1))];
      expect([route.path, ...answers.map(({ status }) => status)]).toEqual([route.path, 400, 413]);
    }
  });

  it('is refused in less than 8 KiB and 20 details, with any field names', async () => {
    const names = ['\u0001', '<', 'é', '😀', 'x'].map((sign) => (index: number) => `${index}${sign.repeat(40)}`);
    for (const route of routes)
      for (const name of names) {
        const fields = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [name(index), index]));
        const answer = await send(route, JSON.stringify(fields));
        expect([route.path, answer.status]).toEqual([route.path, 400]);
        expect(Buffer.byteLength(answer.text)).toBeLessThan(MAX_ANSWER_BYTES);
        expect(detailsOf(answer).length).toBeGreaterThan(4);
        expect(detailsOf(answer).length).toBeLessThanOrEqual(20);
      }
  });

  it('is refused for its unknown fields first', async () => {
    for (const route of routes)
      expect([route.path, rulesOf(await send(route, '{"surprise":{"a":1}}'))]).toEqual([
        route.path,
        ['surprise unknown_field'],
      ]);
  });

  it('is refused for a missing field with one detail', async () => {
    for (const route of routes)
      for (const value of [undefined, null])
        for (const name of route.required) {
          const answer = await send(route, JSON.stringify(bodyOf(route, { [name]: value })));
          expect([route.path, answer.status]).toEqual([route.path, expect.any(Number)]);
          // A missing state is answered like a wrong one.
          if (name === 'state') continue;
          const own = rulesOf(answer).filter((text) => text.startsWith(`${name} `));
          expect([route.path, answer.status, own]).toEqual([route.path, 400, [`${name} required`]]);
        }
  });

  it('is refused with a documented rule for each field', async () => {
    const values: unknown[] = [
      '',
      'x',
      'x'.repeat(9000),
      -1,
      1e9,
      1.5,
      true,
      [],
      [''],
      ['a', 'a'],
      {},
      { constructor: 1 },
    ];
    const used = new Set<string>();
    for (const route of routes) {
      const access = tokenOf(route, await service.member());
      const url = route.path.replace('{id}', target.id);
      await tryValues(route, values, async (body) => {
        const answer = await service.request(route.method, url, { body, token: access });
        for (const { field, rule, message } of detailsOf(answer)) {
          expect(words).toContain(rule);
          expect(message).toMatch(/\w/);
          expect(field).toMatch(/^\w/);
          used.add(rule);
        }
        return answer;
      });
    }
    expect([...used].sort()).toEqual(expect.arrayContaining(['invalid_type', 'too_long', 'too_short', 'too_small']));
  }, 120_000);

  it('must be an object: null, a list and a text are refused', async () => {
    for (const route of routes)
      for (const whole of ['null', '[]', '"x"', '0'])
        expect([route.path, whole, rulesOf(await send(route, whole))]).toEqual([
          route.path,
          whole,
          ['body invalid_type'],
        ]);
  });

  it('may be missing where OpenAPI says so', async () => {
    expect(routes.filter(({ optional }) => optional).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/auth/logout', '/users/profile', '/users/preferences']),
    );
    for (const route of routes) {
      const access = tokenOf(route, await service.member());
      const url = route.path.replace('{id}', target.id);
      const answer = await service.request(route.method, url, { token: access });
      // No field is required there, but one of them is.
      const refuses = !route.optional || route.path === '/auth/reauthenticate';
      expect([route.path, detailsOf(answer).length > 0]).toEqual([route.path, refuses]);
    }
  });

  it.each(['gzip', 'br', 'identity', 'x'])('is 415 when it is encoded: %s', async (encoding) => {
    for (const route of routes) {
      const answer = await send(route, JSON.stringify(bodyOf(route, {})), {
        ...JSON_TYPE,
        'content-encoding': encoding,
      });
      expect([route.path, answer.status, answer.body.error?.type]).toEqual([route.path, 415, 'unsupported_media_type']);
    }
  });
});

describe('text that is not UTF-8', () => {
  const password = 'Sécurité-Été-1';
  const registration = (email: string) => JSON.stringify({ email, name: 'Ada', password });

  it('is refused in JSON and stores nothing', async () => {
    const email = uniqueEmail();
    const bytes = Buffer.from(registration(email), 'latin1');
    const answer = await service.request('POST', '/auth/register', { payload: bytes, headers: JSON_TYPE });
    expect([answer.status, answer.body.error.type]).toEqual([400, 'invalid_json']);
    expect(await service.sql('SELECT FROM users WHERE email = $1', [email])).toEqual([]);
    for (const route of routes) {
      const { status, body } = await send(route, Buffer.from('{"x":"é"}', 'latin1'));
      expect([route.path, status, body.error.type]).toEqual([route.path, 400, 'invalid_json']);
    }
  });

  it('is 415 with another charset, and accepted as UTF-8', async () => {
    const register = (charset: string) =>
      service.request('POST', '/auth/register', {
        payload: Buffer.from(registration(uniqueEmail())),
        headers: { 'content-type': `application/json; ${charset}` },
      });
    for (const charset of ['charset=latin1', 'charset="utf-16"', 'Charset = iso-8859-1', 'charset=utf-8x', 'charset='])
      expect([charset, (await register(charset)).status]).toEqual([charset, 415]);
    for (const charset of ['charset=utf-8', 'charset="UTF-8"', 'CHARSET=utf8', 'charset=utf-8; v=1', 'v=1'])
      expect([charset, (await register(charset)).status]).toEqual([charset, 201]);
  });

  it('does not include a byte order mark', async () => {
    const payload = `\ufeff${registration(uniqueEmail())}`;
    expect((await service.request('POST', '/auth/register', { payload, headers: JSON_TYPE })).status).toBe(201);
  });

  it.each([
    ['a byte', Buffer.from('token=x&password=é&password_repeat=é', 'latin1')],
    ['an escape', 'token=x&password=%E9&password_repeat=%E9'],
    ['half of an escape', 'token=x&password=%'],
  ])('is refused in a form of our pages: %s', async (_, payload) => {
    const answer = await service.request('POST', '/auth/pages/password-reset', { payload, headers: FORM_TYPE });
    expect([answer.status, answer.body.error.type]).toEqual([400, 'bad_request']);
  });
});

describe('a form of our pages', () => {
  it.each(['/auth/pages/password-reset', '/auth/pages/email-verify'])(
    'has the limits of a body, and a refusal of one is under 8 KiB: %s',
    async (url) => {
      const html = { ...FORM_TYPE, accept: 'text/html' };
      const post = (payload: string, headers: Record<string, string> = FORM_TYPE) =>
        service.request('POST', url, { payload, headers });
      expect(rulesOf(await post(`a&`.repeat(200)))).toEqual(['body too_many']);
      expect((await post(`token=${'x'.repeat(16 * 1024)}`)).status).toBe(413);
      const long = '"'.repeat(4000);
      for (const fields of [
        { token: long },
        { token: 'x', email: long, password: 'x' },
        Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`${index}${'<'.repeat(30)}`, ''])),
      ]) {
        const answer = await post(new URLSearchParams(fields).toString(), html);
        expect(answer.status).toBe(400);
        expect(Buffer.byteLength(answer.text)).toBeLessThan(MAX_ANSWER_BYTES);
      }
    },
  );
});
