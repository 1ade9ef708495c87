import { Secret, TOTP } from 'otpauth';
import type { Answer, Member, TestApp } from './app.js';

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
