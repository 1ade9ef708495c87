import { createApp } from '../src/app.js';
import { auditOf, eventsOf, member as register } from './support/accounts.js';
import { Member, TestApp } from './support/app.js';
import { addPasskey, Authenticator, Changes, FLAGS, passkeyMember, signInOptions } from './support/authenticator.js';
import { addTotp } from './support/factors.js';
import { mailTo } from './support/mailbox.js';
import { word } from './support/sessions.js';

let service: TestApp;
let member: Member;
let authenticator: Authenticator;
/** Of the first passkey. */
let recoveryCodes: string[];

beforeAll(async () => {
  service = await TestApp.start();
  await newMember();
});
afterAll(() => service.stopAndDrop());

async function newMember(): Promise<void> {
  ({ member, authenticator, recoveryCodes } = await passkeyMember(service));
}

const { UP, UV, BS } = FLAGS;
const securityEvents = async () =>
  (await service.sql('SELECT payload FROM outbox_events WHERE security AND user_id = $1 ORDER BY id', [member.id])).map(
    ({ payload }) => Object.values<any>(payload.events)[0],
  );
const actionsOf = async (id: string) => (await auditOf(service, id)).map(({ action }) => action);

describe('the own passkeys', () => {
  beforeEach(newMember);

  it('are listed, renamed and removed', async () => {
    const { status, body } = await addPasskey(service, member, new Authenticator(true));
    expect([status, body]).toEqual([
      201,
      {
        id: expect.any(String),
        name: 'Passkey',
        created_at: expect.any(String),
        last_used: null,
        backed_up: true,
        transports: ['internal', 'hybrid'],
      },
    ]);
    const url = `/users/passkeys/${body.id}`;
    const renamed = await service.put(url, { name: 'Phone' }, member.access);
    expect([renamed.status, renamed.body]).toEqual([200, { ...body, name: 'Phone' }]);
    const { passkeys } = (await service.get('/users/passkeys', member.access)).body;
    expect(passkeys.map(({ name }: { name: string }) => name)).toEqual(['Passkey', 'Phone']);
    const { factors } = (await service.get('/users/mfa', member.access)).body;
    expect(factors[1]).toMatchObject({ id: body.id, type: 'passkey', name: 'Phone', last_used: null });
    const other = await service.member();
    expect(word(await service.put(url, { name: 'Mine' }, other.access))).toBe('404 not_found');
    expect(word(await service.delete(url, other.access))).toBe('404 not_found');
    expect((await service.delete(url, member.access)).status).toBe(204);
    expect((await service.get('/users/passkeys', member.access)).body.passkeys).toHaveLength(1);
  });

  it('are factors: the first answers recovery codes, and audit, events and the mailbox learn of it', async () => {
    expect(recoveryCodes).toHaveLength(10);
    expect((await service.get('/users/profile', member.access)).body.mfa_enabled).toBe(true);
    expect((await eventsOf(service, member.id)).at(-1)).toEqual(['user.updated', ['mfa_enabled']]);
    expect(await actionsOf(member.id)).toContain('mfa.factor_added');
    expect((await mailTo(member.email, 'factor_changed')).subject).toBe('A sign-in factor was added');
    const { factors } = (await service.get('/users/mfa', member.access)).body;
    expect((await service.delete(`/users/mfa/${factors[0].id}`, member.access)).status).toBe(204);
    expect((await service.get('/users/mfa', member.access)).body).toEqual({
      enabled: false,
      factors: [],
      recovery_codes_left: 0,
    });
    expect(await securityEvents()).toEqual([
      { credential_type: 'fido2-platform', change_type: 'create' },
      { credential_type: 'recovery-codes', change_type: 'create' },
      { credential_type: 'fido2-platform', change_type: 'delete' },
      { credential_type: 'recovery-codes', change_type: 'delete' },
    ]);
  });

  it('publish security events for authenticator apps and recovery codes too', async () => {
    await addTotp(service, member);
    await service.post('/users/mfa/recovery-codes', undefined, member.access);
    expect((await securityEvents()).slice(2)).toEqual([
      { credential_type: 'app', change_type: 'create' },
      { credential_type: 'recovery-codes', change_type: 'update' },
    ]);
  });

  it('are refused while the address is not confirmed', async () => {
    const other = await service.member();
    expect(word(await service.post('/users/passkeys/options', undefined, other.access))).toBe('409 email_not_verified');
    const { options } = (await service.post('/users/passkeys/options', undefined, member.access)).body;
    await service.sql('UPDATE users SET is_verified = false, email_verified_at = null WHERE id = $1', [member.id]);
    const credential = new Authenticator().create(options);
    expect(word(await service.post('/users/passkeys', { credential }, member.access))).toBe('409 email_not_verified');
  });

  it('are 20 at most', async () => {
    await service.sql(
      `INSERT INTO webauthn_credentials (user_id, credential_id, public_key, counter, backup_eligible, backed_up, name, rp_id)
       SELECT $1::uuid, 'filler-' || n || $1::text, '', 0, false, false, 'Passkey', 'localhost' FROM generate_series(2, 20) AS n`,
      [member.id],
    );
    expect(word(await addPasskey(service, member, new Authenticator()))).toBe('400 bad_request');
  });
});

describe('a registration is refused', () => {
  beforeAll(newMember);

  const create = async (changes: Changes, by = new Authenticator()) =>
    word(await addPasskey(service, member, by, changes));

  it.each<[string, Changes]>([
    ['from a foreign origin', { clientData: { origin: 'https://evil.example' } }],
    ['from another port', { clientData: { origin: 'http://localhost:9999' } }],
    ['for another RP ID', { rpId: 'evil.example' }],
    ['without user verification', { flags: UP }],
    ['without user presence', { flags: UV }],
    ['inside a frame of another origin', { clientData: { crossOrigin: true } }],
    ['under another top origin', { clientData: { topOrigin: 'https://evil.example' } }],
    ['that is an assertion', { clientData: { type: 'webauthn.get' } }],
    ['with a challenge that was not issued', { clientData: { challenge: 'AAAA' } }],
    ['with a challenge that is not a string', { clientData: { challenge: { a: 1 } } }],
    ['that says it is backed up and cannot be', { flags: UP | UV | BS }],
  ])('%s', async (_, changes) => {
    expect(await create(changes)).toBe('400 invalid_code');
  });

  it('with an algorithm that was not offered', async () => {
    expect(await create({}, new Authenticator(false, -35))).toBe('400 invalid_code');
  });

  it('with an attestation, before the service fetches what the attestation names', async () => {
    const fetches = jest.spyOn(globalThis, 'fetch');
    const attStmt = new Map<string, unknown>([
      ['alg', -7],
      ['sig', new Uint8Array(64)],
      ['x5c', [new Uint8Array(10)]],
    ]);
    for (const fmt of ['android-key', 'packed', 'fido-u2f', 'tpm', 'apple', 'android-safetynet'])
      expect([fmt, await create({ fmt, attStmt })]).toEqual([fmt, '400 invalid_code']);
    expect(fetches).not.toHaveBeenCalled();
    fetches.mockRestore();
  });

  it('of a credential that is stored already, also for another account', async () => {
    expect(await create({}, authenticator)).toBe('400 invalid_code');
    const other = await register(service, true);
    expect(word(await addPasskey(service, other, authenticator))).toBe('400 invalid_code');
  });

  it('with the challenge of another user, or one that was used', async () => {
    const other = await register(service, true);
    const { options } = (await service.post('/users/passkeys/options', undefined, other.access)).body;
    const credential = new Authenticator().create(options);
    expect(word(await service.post('/users/passkeys', { credential }, member.access))).toBe('400 invalid_code');
    expect(word(await service.post('/users/passkeys', { credential }, other.access))).toBe('400 invalid_code');
  });

  it('with the challenge of a sign-up or a sign-in', async () => {
    const signUp = await service.post('/auth/passkeys/register/options', { email: 'a@example.com', name: 'A' });
    const signIn = await signInOptions(service);
    for (const options of [signUp.body.options, { ...signIn, user: { id: '' } }]) {
      const credential = new Authenticator().create(options);
      expect(word(await service.post('/users/passkeys', { credential }, member.access))).toBe('400 invalid_code');
    }
  });

  it('that is no credential', async () => {
    for (const credential of [
      {},
      { response: null },
      { id: 1, response: { clientDataJSON: 7 } },
      { response: { clientDataJSON: 'bnVsbA' } },
    ])
      expect(word(await service.post('/users/passkeys', { credential }, member.access))).toBe('400 invalid_code');
    expect(word(await service.post('/users/passkeys', { credential: 'x' }, member.access))).toBe(
      '400 validation_failed',
    );
  });
});

it('lists the related origins', async () => {
  const app = await TestApp.start({
    WEBAUTHN_ORIGINS:
      'https://a.example,https://b.example,android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  });
  const { status, body } = await app.get('/.well-known/webauthn');
  expect([status, body]).toEqual([200, { origins: ['https://a.example', 'https://b.example'] }]);
  await app.stop();
});

it('does not start with another RP ID once there are passkeys', async () => {
  const app = await createApp({ ...service.settings, webauthn: { rpId: 'example.com', origins: [] } });
  await expect(app.init()).rejects.toThrow('WEBAUTHN_RP_ID must stay "localhost", not "example.com"');
  await app.close();
});
