import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { Authenticator } from '../support/authenticator.js';
import { person } from '../support/oidc-provider.js';
import { APP_URL, ask, type Scene } from './scene.js';

const PASSWORD = 'violet harbour ladder 27';
const CONCURRENT_ENTRIES = 6;

export interface Member {
  id: string;
  email: string;
  password: string;
}

/** What the thief has besides the servers' data. */
export interface Population {
  /** An account of the thief's own, with a signed-in session. */
  thief: Member & { access: string };
  /** Accounts with a second factor whose passwords leaked elsewhere. */
  withFactor: Member[];
  /** Refresh tokens that their owners have exchanged since. */
  usedRefreshTokens: string[];
}

/** Alternates the kinds of accounts; each keeps what it waits for: links, tokens, codes. */
export async function populate(scene: Scene, count: number): Promise<Population> {
  const used: string[] = [];
  const withFactor: Member[] = [];
  const kinds = [
    keepsLink,
    keepsRotatedSession,
    keepsFactor,
    keepsPasskey,
    keepsProviderCode,
    keepsPhone,
    asAdministrator,
  ];
  const indices = Array.from({ length: count }, (_, index) => index);
  await Promise.all(
    Array.from({ length: CONCURRENT_ENTRIES }, async () => {
      for (let index = indices.pop(); index !== undefined; index = indices.pop())
        await kinds[index % kinds.length]!(await register(scene));
    }),
  );
  const thief = await register(scene);
  await scene.command('service', 'create', '--name', 'event-service', '--scope', 'users:read');
  return { thief, withFactor, usedRefreshTokens: used };

  async function keepsLink({ email }: Registered): Promise<void> {
    await ask(scene, 'POST', '/auth/password/forgot', { body: { email } });
  }

  async function keepsRotatedSession({ refresh }: Registered): Promise<void> {
    const answer = await ask(scene, 'POST', '/auth/refresh', { body: { refresh_token: refresh } });
    if (answer.status !== 200) throw new Error(`a refresh answered ${answer.status}`);
    used.push(refresh);
  }

  async function keepsFactor(member: Registered): Promise<void> {
    await confirmAddress(scene, member);
    const bearer = member.access;
    const { body } = await ask(scene, 'POST', '/users/mfa/totp', { bearer, body: {} });
    const code = new TOTP({ secret: Secret.fromBase32(body.secret) }).generate();
    const { status } = await ask(scene, 'POST', `/users/mfa/totp/${body.id}/confirm`, { bearer, body: { code } });
    if (status !== 200) throw new Error(`a factor answered ${status}`);
    await pendingSignIn(scene, member);
    withFactor.push(member);
  }

  async function keepsPasskey(member: Registered): Promise<void> {
    await confirmAddress(scene, member);
    const bearer = member.access;
    const { body } = await ask(scene, 'POST', '/users/passkeys/options', { bearer });
    const credential = new Authenticator().create(body.options);
    const { status } = await ask(scene, 'POST', '/users/passkeys', { bearer, body: { credential } });
    if (status !== 201) throw new Error(`a passkey answered ${status}`);
    await ask(scene, 'POST', '/auth/passkeys/options');
  }

  async function keepsProviderCode(): Promise<void> {
    scene.provider.signedInAs(person());
    const started = await ask(scene, 'GET', `/auth/oauth/google?redirect_uri=${encodeURIComponent(APP_URL)}`, {
      cookie: '',
    });
    const cookie = started.headers.get('set-cookie')!.split(';')[0]!;
    const { search } = await scene.provider.authorize(started.headers.get('location')!);
    const { status } = await ask(scene, 'GET', `/auth/oauth/google/callback${search}`, { cookie });
    if (status !== 302) throw new Error(`a callback answered ${status}`);
  }

  async function keepsPhone({ access }: Registered): Promise<void> {
    await ask(scene, 'PUT', '/users/profile', { bearer: access, body: { phone: '+41791234567' } });
  }

  async function asAdministrator(member: Registered): Promise<void> {
    await confirmAddress(scene, member);
    await scene.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [member.id]);
  }
}

type Registered = Member & { access: string; refresh: string };

async function register(scene: Scene): Promise<Registered> {
  const email = `${randomUUID()}@members.example`;
  const { status, body } = await ask(scene, 'POST', '/auth/register', {
    body: { email, password: PASSWORD, name: 'Ada Member' },
  });
  if (status !== 201) throw new Error(`a registration answered ${status}`);
  // One request, as each member sends some.
  await ask(scene, 'GET', '/users/profile', { bearer: body.access_token });
  return { id: body.user.id, email, password: PASSWORD, access: body.access_token, refresh: body.refresh_token };
}

const confirmAddress = ({ database }: Scene, { id }: Member) =>
  database.query(
    'UPDATE users SET is_verified = true, email_verified_at = now(), password_proven_at = now() WHERE id = $1',
    [id],
  );

/** The first step of a sign-in. @returns its `mfa_token` */
export async function pendingSignIn(scene: Scene, { email, password }: Member): Promise<string> {
  const { status, body } = await ask(scene, 'POST', '/auth/login', { body: { email, password } });
  if (!body.mfa_token)
    throw new Error(`a sign-in asks for no second factor: ${status} ${String(body.error?.type ?? body.type)}`);
  return body.mfa_token as string;
}
