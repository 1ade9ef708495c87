import { Secret, TOTP } from 'otpauth';
import type { Answer, Member, TestApp } from './app.js';
import { sessionOf } from './sessions.js';

const PERIOD_MS = 30_000;

/** The code of an authenticator app, `steps` of 30 seconds from now. */
export const totpCode = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * PERIOD_MS });

/** Forgets which codes were used, as if time had passed. */
export const freshCodes = (service: TestApp, { id }: Member) =>
  service.sql('UPDATE mfa_factors SET last_step = 0 WHERE user_id = $1', [id]);

export interface WithTotp extends Member {
  factor: string;
  secret: string;
  recoveryCodes: string[];
}

/** Adds a confirmed authenticator app; the address counts as confirmed. */
export async function addTotp(service: TestApp, member: Member): Promise<WithTotp> {
  await service.sql('UPDATE users SET is_verified = true, email_verified_at = now() WHERE id = $1', [member.id]);
  const started = await service.post('/users/mfa/totp', {}, member.access);
  if (started.status !== 201) throw new Error(`the enrolment answered ${started.status}: ${started.text}`);
  const { id, secret } = started.body;
  const answer = await service.post(`/users/mfa/totp/${id}/confirm`, { code: totpCode(secret) }, member.access);
  if (answer.status !== 200) throw new Error(`the confirmation answered ${answer.status}: ${answer.text}`);
  await freshCodes(service, member);
  return { ...member, factor: id, secret, recoveryCodes: answer.body.recovery_codes };
}

/** An access token whose second factor is recent. */
export async function reauthenticateByTotp(service: TestApp, member: WithTotp): Promise<string> {
  await freshCodes(service, member);
  const answer = await service.post('/auth/reauthenticate', { code: totpCode(member.secret) }, member.access);
  if (answer.status !== 200) throw new Error(`the reauthentication answered ${answer.status}: ${answer.text}`);
  await freshCodes(service, member);
  return answer.body.access_token;
}

/** The first step of a sign-in; its `mfa_token`. */
export async function mfaToken(service: TestApp, { email, password }: Member): Promise<string> {
  return (await service.post('/auth/login', { email, password })).body.mfa_token;
}

/** Both steps of a sign-in. */
export async function signInByTotp(service: TestApp, member: WithTotp): Promise<Answer> {
  await freshCodes(service, member);
  const mfa_token = await mfaToken(service, member);
  return service.post('/auth/mfa/verify', { mfa_token, method: 'totp', code: totpCode(member.secret) });
}

/** A new access token of the same session, whose authentication is that old. */
export async function aged(
  service: TestApp,
  { access, refresh }: Pick<Member, 'access' | 'refresh'>,
  seconds = 601,
): Promise<string> {
  const text = 'UPDATE user_sessions SET auth_time = now() - make_interval(secs => $2) WHERE id = $1';
  await service.sql(text, [sessionOf(access), seconds]);
  return (await service.post('/auth/refresh', { refresh_token: refresh })).body.access_token;
}
