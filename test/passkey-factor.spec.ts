import { decode } from 'jsonwebtoken';
import { member as register } from './support/accounts.js';
import { Member, TestApp } from './support/app.js';
import {
  addPasskey,
  Authenticator,
  passkeyMember,
  reauthenticateByPasskey,
  signInByPasskey,
  signInOptions,
} from './support/authenticator.js';
import { addTotp, aged, mfaToken } from './support/factors.js';
import { word } from './support/sessions.js';
import { times } from './support/sign-ins.js';

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

describe('a passkey as the second factor', () => {
  beforeAll(newMember);

  const start = async () => {
    const mfa_token = await mfaToken(service, member);
    return { mfa_token, options: (await service.post('/auth/mfa/options', { mfa_token })).body.options };
  };
  const verify = (mfa_token: string, credential: object) =>
    service.post('/auth/mfa/verify', { mfa_token, method: 'passkey', credential });

  it('finishes a sign-in by password', async () => {
    const { email, password } = member;
    const { body } = await service.post('/auth/login', { email, password });
    expect(body).toMatchObject({ mfa_required: true, methods: ['recovery_code', 'passkey'] });
    const { options } = (await service.post('/auth/mfa/options', { mfa_token: body.mfa_token })).body;
    expect(options.allowCredentials.map(({ id }: { id: string }) => id)).toEqual([
      authenticator.id.toString('base64url'),
    ]);
    const answer = await verify(body.mfa_token, authenticator.get(options, { userHandle: null }));
    expect(answer.status).toBe(200);
    expect(decode(answer.body.access_token)).toMatchObject({ amr: ['pwd', 'hwk', 'user', 'mfa'], acr: 'aal2' });
  });

  it('is refused with a passkey of another account', async () => {
    const other = await register(service, true);
    const foreign = new Authenticator();
    await addPasskey(service, other, foreign);
    const { mfa_token, options } = await start();
    foreign.userHandle = authenticator.userHandle;
    expect(word(await verify(mfa_token, foreign.get(options)))).toBe('401 invalid_passkey');
  });

  it('is refused with a challenge of another sign-in or purpose', async () => {
    const [one, two] = [await start(), await start()];
    expect(word(await verify(one.mfa_token, authenticator.get(two.options)))).toBe('401 invalid_passkey');
    const options = await signInOptions(service);
    expect(word(await verify(one.mfa_token, authenticator.get(options)))).toBe('401 invalid_passkey');
  });

  it('is refused with a counter that was used, and ends the mfa_token after ten attempts', async () => {
    await signInByPasskey(service, authenticator, { counter: 50 });
    const { mfa_token } = await start();
    const answers = await times(11, async () => {
      const { body } = await service.post('/auth/mfa/options', { mfa_token });
      return verify(mfa_token, authenticator.get(body.options ?? {}, { counter: 50 }));
    });
    expect(answers.map(word)).toEqual([
      ...Array.from({ length: 10 }, () => '401 invalid_passkey'),
      '400 invalid_or_expired_token',
    ]);
  });

  it('has no options for an account without a passkey', async () => {
    const other = await addTotp(service, await service.member());
    const mfa_token = await mfaToken(service, other);
    expect(word(await service.post('/auth/mfa/options', { mfa_token }))).toBe('400 bad_request');
    expect(word(await service.post('/auth/mfa/options', { mfa_token: 'unknown' }))).toBe(
      '400 invalid_or_expired_token',
    );
  });
});

describe('a passkey confirms a session', () => {
  beforeEach(newMember);

  it('for ten minutes, and raises it to two factors', async () => {
    const { body } = await service.post('/auth/login', { email: member.email, password: member.password });
    const code = { mfa_token: body.mfa_token, method: 'recovery_code', code: recoveryCodes[0] };
    const signedIn = (await service.post('/auth/mfa/verify', code)).body;
    const old = await aged(service, { access: signedIn.access_token, refresh: signedIn.refresh_token });
    const refused = await service.post('/users/passkeys/options', undefined, old);
    expect([word(refused), refused.body.methods]).toEqual([
      '403 recent_sign_in_required',
      ['recovery_code', 'passkey'],
    ]);
    const confirmed = await reauthenticateByPasskey(service, old, authenticator);
    expect(confirmed.status).toBe(200);
    expect(decode(confirmed.body.access_token)).toMatchObject({
      amr: ['pwd', 'otp', 'mfa', 'hwk', 'user'],
      acr: 'aal2',
    });
    expect((await service.post('/users/passkeys/options', undefined, confirmed.body.access_token)).status).toBe(200);
  });

  it('only of its own user, and with a challenge for authentication', async () => {
    const other = await service.member();
    expect(word(await reauthenticateByPasskey(service, other.access, authenticator))).toBe('401 invalid_passkey');
    const { options } = (await service.post('/auth/mfa/options', { mfa_token: await mfaToken(service, member) })).body;
    const credential = authenticator.get(options);
    const answer = await service.post('/auth/reauthenticate', { credential }, member.access);
    expect([word(answer), answer.headers['www-authenticate']]).toEqual(['401 invalid_passkey', undefined]);
    expect(word(await service.post('/auth/reauthenticate', { credential, code: '1' }, member.access))).toBe(
      '400 validation_failed',
    );
  });
});
