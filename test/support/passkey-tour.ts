import { type Answer, type TestApp, uniqueEmail } from './app.js';
import { addPasskey, Authenticator, signInByPasskey, signInOptions, signUpByPasskey } from './authenticator.js';
import { mfaToken } from './factors.js';

/** Requests every route of passkeys. */
export async function tourPasskeys(
  service: TestApp,
  ok: (answer: Promise<Answer>) => Promise<any>,
  times: number[],
): Promise<void> {
  await ok(service.get('/.well-known/webauthn'));
  await ok(signUpByPasskey(service, uniqueEmail(), new Authenticator()));
  const [member, authenticator] = [await service.member(), new Authenticator()];
  await service.sql('UPDATE users SET is_verified = true, email_verified_at = now() WHERE id = $1', [member.id]);
  const { id } = await ok(addPasskey(service, member, authenticator));
  for (const _ of times) await ok(signInByPasskey(service, authenticator));
  const mfa_token = await mfaToken(service, member);
  const { options } = await ok(service.post('/auth/mfa/options', { mfa_token }));
  const credential = authenticator.get(options);
  const { access_token: access } = await ok(
    service.post('/auth/mfa/verify', { mfa_token, method: 'passkey', credential }),
  );
  await ok(
    service.post('/auth/reauthenticate', { credential: authenticator.get(await signInOptions(service)) }, access),
  );
  await ok(service.get('/users/passkeys', access));
  await ok(service.put(`/users/passkeys/${id}`, { name: 'Key' }, access));
  await ok(service.delete(`/users/passkeys/${id}`, access));
}
