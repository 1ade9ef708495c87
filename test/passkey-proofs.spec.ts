import { TestApp, uniqueEmail } from './support/app.js';
import { addPasskey, Authenticator, signInOptions, signUpByPasskey } from './support/authenticator.js';
import { mailedToken, noticeToken } from './support/mailbox.js';
import { provenMember } from './support/accounts.js';
import { word } from './support/sessions.js';

const NEXT = 'another horse battery';
const REFUSED = '401 invalid_passkey';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

async function signUp() {
  const [email, authenticator] = [uniqueEmail(), new Authenticator()];
  const { body } = await signUpByPasskey(service, email, authenticator);
  return { email, authenticator, id: body.user.id as string, access: body.access_token as string };
}
const sign = async (authenticator: Authenticator) => authenticator.get(await signInOptions(service));
const statusOf = async (id: string) =>
  (await service.sql('SELECT passkey_status AS status FROM users WHERE id = $1', [id]))[0]!.status;

describe('the passkey of sign-up', () => {
  it('is proven by itself with the link of its address, and not by that of another account', async () => {
    const [own, other] = [await signUp(), await signUp()];
    const token = await mailedToken(own.email, 'email_verification');
    const verify = (credential: unknown) => service.post('/auth/email/verify', { token, credential });
    expect(word(await verify(await sign(other.authenticator)))).toBe(REFUSED);
    expect(await service.sql('SELECT is_verified FROM users WHERE id = $1', [own.id])).toEqual([
      { is_verified: false },
    ]);
    const credential = await sign(own.authenticator);
    expect(word(await verify(credential))).toBe('204');
    expect(await statusOf(own.id)).toBe('proven');
    // The gateway repeats requests, and the challenge is used by now.
    expect(word(await verify(credential))).toBe('204');
  });

  it('can be proven with a link that was used without it', async () => {
    const own = await signUp();
    const token = await mailedToken(own.email, 'email_verification');
    expect(word(await service.post('/auth/email/verify', { token }))).toBe('204');
    expect(await statusOf(own.id)).toBe('unproven');
    const credential = await sign(own.authenticator);
    expect(word(await service.post('/auth/email/verify', { token, credential }))).toBe('204');
    expect(await statusOf(own.id)).toBe('proven');
  });
});

it('a passkey replaces the recovery code of a reset, once, and only that of the account', async () => {
  const [own, other] = [await signUp(), await signUp()];
  const link = await mailedToken(own.email, 'email_verification');
  await service.post('/auth/email/verify', { token: link, credential: await sign(own.authenticator) });
  await service.post('/auth/password/forgot', { email: own.email });
  const token = await mailedToken(own.email, 'password_reset');
  const reset = (more: object, password = NEXT) => service.post('/auth/password/reset', { token, password, ...more });
  expect(word(await reset({}))).toBe('401 invalid_mfa_code');
  expect(word(await reset({ credential: await sign(other.authenticator) }))).toBe(REFUSED);
  expect(word(await reset({ credential: {} }))).toBe(REFUSED);
  const credential = await sign(own.authenticator);
  // A refused password does not use the challenge up.
  expect(word(await reset({ credential }, 'password'))).toBe('400 weak_password');
  expect(word(await reset({ credential }))).toBe('204');
  expect(word(await reset({ credential }))).toBe('204');
  expect(word(await service.post('/auth/login', { email: own.email, password: NEXT }))).toBe('200');
});

it('a passkey of before the event answers for a factor of the account, and one that was added since does not', async () => {
  const member = await provenMember(service);
  const [old, added] = [new Authenticator(), new Authenticator()];
  expect((await addPasskey(service, member, old)).status).toBe(201);
  const { body } = await service.post('/auth/reauthenticate', { credential: await sign(old) }, member.access);
  const access = body.access_token as string;
  const change = { current_password: member.password, new_password: NEXT };
  expect(word(await service.post('/auth/password/change', change, access))).toBe('204');
  const token = await noticeToken(member.email, 'password_changed');
  expect((await addPasskey(service, { ...member, access }, added)).status).toBe(201);
  const report = (more: object) => service.post('/auth/account/not-me', { token, ...more });
  const asked = await report({});
  expect([word(asked), asked.body.methods]).toEqual(['403 mfa_required', ['recovery_code', 'passkey']]);
  expect(word(await report({ credential: await sign(added) }))).toBe(REFUSED);
  expect(word(await report({ credential: await sign(old) }))).toBe('204');
  const left = await service.sql('SELECT credential_id FROM webauthn_credentials WHERE user_id = $1', [member.id]);
  expect(left).toEqual([{ credential_id: Buffer.from(old.id).toString('base64url') }]);
});

it('the script of the pages is a file of the service', async () => {
  const { status, headers, text } = await service.get('/auth/pages/passkey.js');
  expect([status, headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
  expect(() => new Function(text)).not.toThrow();
});
