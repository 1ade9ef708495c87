import { decode } from 'jsonwebtoken';
import { auditOf } from './support/accounts.js';
import { Member, TestApp } from './support/app.js';
import {
  addPasskey,
  Authenticator,
  Changes,
  FLAGS,
  ORIGIN,
  passkeyMember,
  signInByPasskey,
  signInOptions,
} from './support/authenticator.js';
import { mfaToken } from './support/factors.js';
import { word } from './support/sessions.js';
import { times } from './support/sign-ins.js';

let service: TestApp;
let member: Member;
let authenticator: Authenticator;

beforeAll(async () => {
  service = await TestApp.start();
  await newMember();
});
afterAll(() => service.stopAndDrop());

async function newMember(): Promise<void> {
  ({ member, authenticator } = await passkeyMember(service));
}

const { UP, UV, BE } = FLAGS;
const login = (credential: object, remoteAddress = '127.0.0.1') =>
  service.request('POST', '/auth/passkeys/login', { body: { credential }, remoteAddress });

describe('a sign-in with a passkey', () => {
  beforeAll(newMember);

  it.each([
    ['a device-bound passkey', false, 'hwk'],
    ['a synced passkey', true, 'swk'],
  ])('opens a session of two factors with %s', async (_, synced, key) => {
    const own = new Authenticator(synced);
    await addPasskey(service, member, own);
    const { status, body } = await signInByPasskey(service, own);
    expect([status, body.user?.id]).toEqual([200, member.id]);
    expect(decode(body.access_token)).toMatchObject({ sub: member.id, amr: [key, 'user', 'mfa'], acr: 'aal2' });
    const refreshed = await service.post('/auth/refresh', { refresh_token: body.refresh_token });
    expect(decode(refreshed.body.access_token)).toMatchObject({ amr: [key, 'user', 'mfa'], acr: 'aal2' });
    const { passkeys } = (await service.get('/users/passkeys', body.access_token)).body;
    expect(passkeys.at(-1).last_used).toEqual(expect.any(String));
    expect((await auditOf(service, member.id)).at(-1)).toEqual({
      action: 'session.opened',
      after: { factor: 'passkey' },
    });
  });

  it.each([-8, -257] as const)('works with algorithm %i', async (algorithm) => {
    const own = new Authenticator(false, algorithm);
    expect((await addPasskey(service, member, own)).status).toBe(201);
    expect((await signInByPasskey(service, own)).status).toBe(200);
  });

  it('works with authenticators that do not count', async () => {
    const own = new Authenticator();
    await addPasskey(service, member, own);
    for (const _ of [1, 2]) expect((await signInByPasskey(service, own, { counter: 0 })).status).toBe(200);
  });

  it.each<[string, Changes]>([
    ['from a foreign origin', { clientData: { origin: 'https://evil.example' } }],
    ['from another port', { clientData: { origin: 'http://localhost:9999' } }],
    ['for another RP ID', { rpId: 'evil.example' }],
    ['without user verification', { flags: UP }],
    ['without user presence', { flags: UV }],
    ['inside a frame of another origin', { clientData: { crossOrigin: true } }],
    ['under another top origin', { clientData: { topOrigin: ORIGIN } }],
    ['that is a registration', { clientData: { type: 'webauthn.create' } }],
    ['with a challenge that was not issued', { clientData: { challenge: 'AAAA' } }],
    ['of another user’s handle', { userHandle: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['without a user handle', { userHandle: null }],
    ['of a passkey whose backup eligibility changed', { flags: UP | UV | BE }],
  ])('is refused %s', async (_, changes) => {
    const { status, body } = await signInByPasskey(service, authenticator, changes);
    expect([status, body.error]).toMatchObject([
      401,
      { type: 'invalid_passkey', message: 'The passkey is not valid here' },
    ]);
    expect((await signInByPasskey(service, authenticator)).status).toBe(200);
  });
});

describe('another sign-in with a passkey', () => {
  beforeEach(newMember);

  it('is refused with a counter that was used: the passkey was copied', async () => {
    await signInByPasskey(service, authenticator, { counter: 5 });
    for (const counter of [5, 4, 0])
      expect(word(await signInByPasskey(service, authenticator, { counter }))).toBe('401 invalid_passkey');
    const { status } = await signInByPasskey(service, authenticator, { counter: 6 });
    expect(status).toBe(200);
  });

  it('accepts one of two copies with the same counter at once', async () => {
    const [one, two] = [await signInOptions(service), await signInOptions(service)];
    const credentials = [one, two].map((options) => authenticator.get(options, { counter: 9 }));
    const answers = await Promise.all(credentials.map((credential) => login(credential)));
    expect(answers.map(word).sort()).toEqual(['200', '401 invalid_passkey']);
  });

  it('accepts a challenge once: of two logins at the same time one succeeds', async () => {
    const credential = authenticator.get(await signInOptions(service));
    const answers = await Promise.all([login(credential, '192.0.2.1'), login(credential, '192.0.2.2')]);
    expect(answers.map(word).sort()).toEqual(['200', '401 invalid_passkey']);
    expect(word(await login(credential, '192.0.2.3'))).toBe('401 invalid_passkey');
  });

  it('is refused with a challenge of another purpose', async () => {
    const signUp = await service.post('/auth/passkeys/register/options', { email: 'a@example.com', name: 'A' });
    const factor = await service.post('/auth/mfa/options', { mfa_token: await mfaToken(service, member) });
    const own = await service.post('/users/passkeys/options', undefined, member.access);
    for (const { body } of [signUp, factor, own])
      expect(word(await login(authenticator.get(body.options)))).toBe('401 invalid_passkey');
  });

  it('is refused with a signature by another key', async () => {
    const options = await signInOptions(service);
    const credential = authenticator.get(options);
    const { signature } = new Authenticator().get(options).response as { signature: string };
    expect(word(await login({ ...credential, response: { ...credential.response, signature } }))).toBe(
      '401 invalid_passkey',
    );
  });

  it('answers alike for unknown, removed and disabled', async () => {
    const unknown = new Authenticator();
    unknown.userHandle = authenticator.userHandle;
    const answers = [await signInByPasskey(service, unknown)];
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [member.id]);
    answers.push(await signInByPasskey(service, authenticator));
    await service.sql('UPDATE users SET is_active = true WHERE id = $1', [member.id]);
    await service.sql('DELETE FROM webauthn_credentials WHERE user_id = $1', [member.id]);
    answers.push(await signInByPasskey(service, authenticator));
    for (const { status, body } of answers) expect([status, body.error]).toEqual([401, answers[0]!.body.error]);
    expect(answers[0]!.body.error.type).toBe('invalid_passkey');
  });

  it('is refused where the passkey is removed while the sign-in waits', async () => {
    const runner = service.database.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [member.id]);
    const waiting = signInByPasskey(service, authenticator);
    await service.blocked();
    await runner.query('DELETE FROM webauthn_credentials WHERE user_id = $1', [member.id]);
    await runner.commitTransaction();
    await runner.release();
    expect(word(await waiting)).toBe('401 invalid_passkey');
  });

  it('is refused for credentials that are none', async () => {
    for (const credential of [
      {},
      { response: null },
      { id: 'no id: ü', response: authenticator.get(await signInOptions(service)).response },
    ])
      expect(word(await login(credential))).toBe('401 invalid_passkey');
  });

  it('is limited by client and account', async () => {
    const limited = await TestApp.start({
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_SIGN_INS: '2',
      RATE_LIMIT_TOKEN_IP: '3',
    });
    expect((await times(3, () => signInByPasskey(limited, authenticator))).map(word)).toEqual([
      '200',
      '200',
      '429 rate_limited',
    ]);
    const unknown = new Authenticator();
    expect((await times(4, () => signInByPasskey(limited, unknown))).map(word)).toEqual([
      '401 invalid_passkey',
      '401 invalid_passkey',
      '401 invalid_passkey',
      '429 rate_limited',
    ]);
    await limited.stop();
  });
});
