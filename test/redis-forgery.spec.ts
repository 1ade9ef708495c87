import { Redis } from 'ioredis';
import { GENERATION_KEY, VALUE_KIND } from '../src/cache/redis-entry.js';
import { SessionCache } from '../src/sessions/session-cache.js';
import { randomToken, tokenHash } from '../src/crypto/tokens.js';
import { type Member, TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { OidcProvider, person } from './support/oidc-provider.js';
import { sessionOf, word } from './support/sessions.js';
import { until } from './support/until.js';

const FRONT_END = 'https://app.example.com/signed-in';
const HOUR_MS = 3_600_000;

/* These specs act as a member who may also read and write Redis. */
describeWith('redis', 'write access to Redis', () => {
  let service: TestApp;
  let redis: Redis;
  let oidc: OidcProvider;

  beforeAll(async () => {
    const REDIS_URL = await workerRedisUrl();
    redis = new Redis(REDIS_URL);
    oidc = await OidcProvider.start();
    service = await TestApp.start({ ...oidc.values, REDIS_URL, OAUTH_REDIRECT_ALLOWLIST: FRONT_END });
  });
  afterAll(async () => {
    await oidc.stop();
    await service.stopAndDrop();
    redis.disconnect();
  });

  const keyOf = ({ access }: Member) => `session:${sessionOf(access)}`;
  const adminPage = async ({ access }: Member) => word(await service.get('/admin/users', access));

  /** The entry of a session as the service itself writes it, as if the user's last change had been long ago. */
  async function sessionEntry(member: Member): Promise<string> {
    const cache = service.app.get(SessionCache) as never as { rotateRevoked(): void };
    for (const _ of [1, 2]) cache.rotateRevoked();
    return until(async () => {
      await service.get('/auth/verify', member.access);
      return redis.get(keyOf(member));
    });
  }

  async function userEntry(kind: 'profile' | 'preferences', { id, access }: Member): Promise<string> {
    return until(async () => {
      await service.get(`/users/${kind}`, access);
      const entry = await redis.get(`user:${kind}:${id}`);
      return entry?.includes('value') ? entry : null;
    });
  }

  describe('of sessions', () => {
    it('does not make a member an administrator', async () => {
      const [member, admin] = [await service.member(), await service.memberWithRole('admin')];
      const [own, theirs] = [await sessionEntry(member), await sessionEntry(admin)];
      const now = Date.now();
      const forged = [
        `${member.id} admin ${now} ${now + HOUR_MS}`,
        own.replace(' user ', ' admin '),
        theirs,
        theirs.replace(admin.id, member.id),
        `${own.slice(0, 44)}${theirs.slice(44).replace(admin.id, member.id)}`,
      ];
      for (const entry of forged) {
        await redis.set(keyOf(member), entry, 'EX', 60);
        expect(await adminPage(member)).toBe('403 forbidden');
      }
      await redis.del(keyOf(member));
      expect(await adminPage(admin)).toBe('200');
    });

    it('restores no ended session and no removed role', async () => {
      const [member, admin] = [await service.member(), await service.memberWithRole('admin')];
      const entries = new Map([
        [member, await sessionEntry(member)],
        [admin, await sessionEntry(admin)],
      ]);
      await service.post('/auth/logout', undefined, member.access);
      await service.sql(`UPDATE users SET role = 'user' WHERE id = $1`, [admin.id]);
      await until(async () => (await adminPage(admin)) === '403 forbidden');
      for (const [{ access }, entry] of entries) await redis.set(`session:${sessionOf(access)}`, entry, 'EX', 60);
      expect(word(await service.get('/users/profile', member.access))).toBe('401 unauthenticated');
      expect(await adminPage(admin)).toBe('403 forbidden');
    });

    it('ends no session', async () => {
      const [member, other] = [await service.member(), await service.member()];
      await sessionEntry(other);
      await service.post('/auth/logout', undefined, other.access);
      for (const entry of ['revoked', (await redis.get(keyOf(other)))!]) {
        await redis.set(keyOf(member), entry, 'EX', 60);
        expect((await service.get('/users/profile', member.access)).status).toBe(200);
      }
    });
  });

  describe('of cached users', () => {
    it.each(['profile', 'preferences'] as const)('does not change the %s', async (kind) => {
      const [member, other] = [await service.member(), await service.member()];
      const [own, theirs] = [await userEntry(kind, member), await userEntry(kind, other)];
      const { body } = await service.get(`/users/${kind}`, member.access);
      const forged = [
        theirs,
        own.replace(/age_min\\":\d+/, 'age_min\\":99').replace('Ada Example', 'Eve Example'),
        JSON.stringify(`${VALUE_KIND}:${await redis.get(GENERATION_KEY)}:{"name":"Eve Example"}`),
      ];
      for (const entry of forged) {
        expect(entry).not.toBe(own);
        await redis.set(`user:${kind}:${member.id}`, entry, 'EX', 60);
        expect((await service.get(`/users/${kind}`, member.access)).body).toEqual(body);
      }
    });
  });

  describe('of sign-ins at a provider', () => {
    const callback = (code: string, state: string) => service.post('/auth/google/callback', { code, state });
    async function codeOf(claims = person()): Promise<{ code: string; state: string }> {
      oidc.signedInAs(claims);
      const { body } = await service.post('/auth/google');
      return Object.fromEntries((await oidc.authorize(body.auth_url)).searchParams) as never;
    }

    it('starts no sign-in: forged, moved and used states are unknown', async () => {
      const { code, state } = await codeOf();
      const entry = (await redis.get(`oauth:state:${state}`))!;
      const forged = { provider: 'google', redirectUri: 'https://evil.example', verifier: null, browser: null };
      for (const text of [JSON.stringify(forged), entry]) {
        const made = randomToken();
        await redis.set(`oauth:state:${made}`, text, 'EX', 60);
        expect(word(await callback(code, made))).toBe('400 invalid_state');
      }
      expect((await callback(code, state)).status).toBe(200);
      await redis.set(`oauth:state:${state}`, entry, 'EX', 60);
      expect(word(await callback((await codeOf()).code, state))).toBe('400 invalid_state');
    });

    it('signs in to no account: forged, moved and used codes are unknown', async () => {
      // Another client each time: a repeated exchange of one client answers its session again.
      let clients = 0;
      const exchange = (code: string) =>
        service.request('POST', '/auth/oauth/exchange', { body: { code }, remoteAddress: `192.0.2.${++clients}` });
      const answer = await new Browser(service).signIn('google', oidc, person(), FRONT_END);
      const code = new URL(String(answer.headers.location)).searchParams.get('code')!;
      const [identity] = await service.sql('SELECT id FROM user_identities LIMIT 1');
      const entry = (await redis.get(`oauth:exchange:${tokenHash(code)}`))!;
      for (const text of [identity!.id, entry, entry.slice(0, 44) + identity!.id]) {
        const made = randomToken();
        await redis.set(`oauth:exchange:${tokenHash(made)}`, text, 'EX', 60);
        expect(word(await exchange(made))).toBe('400 invalid_code');
      }
      expect((await exchange(code)).status).toBe(200);
      await redis.set(`oauth:exchange:${tokenHash(code)}`, entry, 'EX', 60);
      expect(word(await exchange(code))).toBe('400 invalid_code');
    });
  });
});
