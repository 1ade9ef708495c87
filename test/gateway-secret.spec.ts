import { randomUUID } from 'node:crypto';
import jwt, { decode } from 'jsonwebtoken';
import { hmacSha256, tokenHash } from '../src/crypto/tokens.js';
import { type Member, TestApp } from './support/app.js';
import { oldRuleToken } from './support/gateway-secret.js';
import { sessionOf, word } from './support/sessions.js';

/*
 * JWT_SECRET is shared with the API gateway, which verifies access tokens with it. These specs act as an attacker who holds it and
 * knows the claims of an access token of the victim.
 */
const REFUSED = '401 unauthenticated';
const INVALID = '401 invalid_refresh_token';
const REUSED = '401 refresh_token_reused';
const HOUR_SECONDS = 3600;
let service: TestApp;
let lenient: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
  lenient = await TestApp.start({ JWT_BINDING: 'accept' });
});
afterAll(async () => {
  await lenient.stop();
  await service.stopAndDrop();
});

const secret = () => service.settings.jwt.secret;
const refresh = (token: string, on = service) => on.post('/auth/refresh', { refresh_token: token });
const claimsOf = (token: string) => decode(token) as Record<string, unknown> & { iat: number; exp: number };
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
function mint(claims: object, header: object = {}): string {
  const body = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${body}.${hmacSha256(Buffer.from(secret()), body).toString('base64url')}`;
}
const without = (claims: object, name: string) =>
  Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));
const revoked = ({ access }: Member) =>
  service.sql('SELECT revoked_reason FROM user_sessions WHERE id = $1', [sessionOf(access)]);

/** Stores a session like a release whose refresh tokens JWT_SECRET signed. */
async function oldSession(counter = 0): Promise<Member & { oldRule: (counter: number) => string }> {
  const member = await service.member();
  const oldRule = (count: number) => oldRuleToken(secret(), sessionOf(member.access), count);
  await service.sql('UPDATE user_sessions SET counter = $2, refresh_token = $3 WHERE id = $1', [
    sessionOf(member.access),
    counter,
    tokenHash(oldRule(counter)),
  ]);
  return { ...member, oldRule };
}

describe('an attacker with the secret of the gateway', () => {
  it('cannot forge the refresh token of a session', async () => {
    const member = await service.member();
    const session = sessionOf(member.access);
    for (const counter of [0, 1]) expect(word(await refresh(oldRuleToken(secret(), session, counter)))).toBe(INVALID);
    const { body } = await refresh(member.refresh);
    // Neither as the parent of a recent rotation, nor as a reuse that would revoke the session.
    for (const counter of [0, 1, 2])
      expect(word(await refresh(oldRuleToken(secret(), session, counter)))).toBe(INVALID);
    expect(await revoked(member)).toEqual([{ revoked_reason: null }]);
    expect(word(await refresh(body.refresh_token))).toBe('200');
  });

  it('cannot forge an access token for a live session', async () => {
    const admin = await service.memberWithRole('admin');
    const { jti, ...claims } = claimsOf(admin.access);
    const other = claimsOf((await service.memberWithRole('admin')).access);
    const forged = [
      { ...claims, jti: randomUUID() },
      claims,
      { ...claims, jti: other.jti },
      { ...claims, jti, exp: claims.exp + HOUR_SECONDS },
      { ...claims, jti, extra: true },
      { ...claims, jti: 7 },
    ].map((made) => mint(made));
    for (const token of forged) {
      const { status, headers, body } = await service.get('/admin/users', token);
      expect([status, body.error.type, headers['www-authenticate']]).toEqual([
        401,
        'unauthenticated',
        'Bearer error="invalid_token"',
      ]);
      expect(word(await service.post('/auth/verify', { token }))).toBe(REFUSED);
    }
    expect((await service.get('/admin/users', mint({ jti, ...claims }))).status).toBe(200);
  });
});

describe('a session of an earlier release', () => {
  it('continues with its refresh token, which is valid once', async () => {
    const member = await oldSession(3);
    const { status, body } = await refresh(member.oldRule(3));
    expect(status).toBe(200);
    expect((await service.get('/users/profile', body.access_token)).status).toBe(200);
    // The secret cannot sign the successor.
    expect(body.refresh_token).not.toBe(member.oldRule(4));
    expect(word(await refresh(member.oldRule(4)))).toBe(INVALID);
    const next = await refresh(body.refresh_token);
    expect(next.status).toBe(200);
    for (const counter of [2, 4, 5]) expect(word(await refresh(member.oldRule(counter)))).toBe(INVALID);
    expect(await revoked(member)).toEqual([{ revoked_reason: null }]);
    expect(word(await refresh(member.oldRule(3)))).toBe(REUSED);
    expect(await revoked(member)).toEqual([{ revoked_reason: 'refresh_token_reused' }]);
  });

  it('returns one successor to concurrent and repeated refreshes', async () => {
    const member = await oldSession();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => refresh(member.oldRule(0), n % 2 ? lenient : service)),
    );
    answers.push(await refresh(member.oldRule(0)));
    expect(answers.map(({ status }) => status)).toEqual(Array(11).fill(200));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
  });

  it('returns to a retry the successor that an instance of that release has made', async () => {
    const member = await oldSession(1);
    await service.sql('UPDATE user_sessions SET rotated_at = now() WHERE id = $1', [sessionOf(member.access)]);
    expect((await refresh(member.oldRule(0))).body.refresh_token).toBe(member.oldRule(1));
  });

  it('accepts a token under the previous secret', async () => {
    const member = await oldSession();
    const rotated = await TestApp.start({
      JWT_SECRET: 'the secret that came after the first one',
      JWT_SECRET_PREVIOUS: secret(),
    });
    const foreign = await TestApp.start({ JWT_SECRET: 'a secret that signed no token here' });
    expect(word(await refresh(member.oldRule(0), foreign))).toBe(INVALID);
    expect(word(await refresh(member.oldRule(0), rotated))).toBe('200');
    await rotated.stop();
    await foreign.stop();
  });
});

describe('JWT_BINDING=accept, for a rolling upgrade', () => {
  it('accepts access tokens of the earlier release for at most their lifetime', async () => {
    const { access } = await service.member();
    const claims = claimsOf(access);
    const unbound = mint({ ...claims, jti: randomUUID() });
    expect(word(await service.get('/users/profile', unbound))).toBe(REFUSED);
    expect((await lenient.get('/users/profile', unbound)).status).toBe(200);
    const longer = [
      { ...claims, exp: claims.exp + 1 },
      { ...claims, iat: claims.iat - 1 },
    ];
    for (const odd of [...longer, without(claims, 'iat')])
      expect(word(await lenient.get('/users/profile', mint({ ...odd, jti: randomUUID() })))).toBe(REFUSED);
  });

  it('ignores what an unbound token says of the authentication', async () => {
    const { access } = await service.member();
    const forged = { auth_time: Math.floor(Date.now() / 1000), acr: 'aal2', amr: ['otp', 'mfa'] };
    const token = mint({ ...claimsOf(access), ...forged, jti: randomUUID() });
    expect(word(await lenient.get('/users/profile/export', token))).toBe('403 recent_sign_in_required');
    expect((await lenient.get('/users/profile/export', access)).status).toBe(200);
  });

  it('issues tokens that both releases accept', async () => {
    const { body } = await lenient.post('/auth/refresh', { refresh_token: (await service.member()).refresh });
    const { sid, ...claims } = claimsOf(body.access_token);
    expect(body.refresh_token).toBe(oldRuleToken(secret(), String(sid), 1));
    expect((await service.get('/users/profile', body.access_token)).status).toBe(200);
    expect(Object.keys(claims).sort()).toEqual('acr amr auth_time email exp iat jti name role sub user_id'.split(' '));
    const again = await refresh(body.refresh_token);
    expect(again.status).toBe(200);
    expect(again.body.refresh_token).not.toBe(oldRuleToken(secret(), String(sid), 2));
  });
});

describe('an access token', () => {
  it.each<[string, (claims: Record<string, unknown>) => object, object]>([
    ['without an end', (claims) => without(claims, 'exp'), {}],
    ['with a header that has to be understood', (claims) => claims, { crit: ['b64'], b64: true }],
    ['whose user_id is not its subject', (claims) => ({ ...claims, user_id: randomUUID() }), {}],
    ['without user_id', (claims) => without(claims, 'user_id'), {}],
  ])('is refused, bound or not: %s', async (_, change, header) => {
    const { access } = await service.member();
    const token = mint(change(claimsOf(access)), header);
    for (const app of [service, lenient]) expect(word(await app.get('/users/profile', token))).toBe(REFUSED);
  });

  it('is called invalid in WWW-Authenticate, and a missing one is not', async () => {
    const member = await service.member();
    const challenge = async (token?: string, on = service) =>
      (await on.get('/users/sessions', token)).headers['www-authenticate'];
    expect(await challenge()).toBe('Bearer');
    expect(await challenge('nonsense')).toBe('Bearer error="invalid_token"');
    await service.post('/auth/logout', undefined, member.access);
    expect(await challenge(member.access)).toBe('Bearer error="invalid_token"');
    expect((await service.get('/users/profile', member.access)).headers['www-authenticate']).toBe(
      'Bearer error="invalid_token"',
    );
  });

  it('expires with its session', async () => {
    const short = await TestApp.start({ JWT_EXPIRATION_HOURS: '48', JWT_REFRESH_EXPIRATION_DAYS: '1' });
    const email = `short-${randomUUID()}@example.com`;
    const { body } = await short.post('/auth/register', { email, name: 'Short', password: 'correct horse battery' });
    await short.stop();
    const { iat, exp } = claimsOf(body.access_token);
    expect([body.expires_in, exp - iat]).toEqual([24 * HOUR_SECONDS, 24 * HOUR_SECONDS]);
    expect(body.refresh_expires_in).toBe(24 * HOUR_SECONDS);
  });

  // Verifies like the platform's gateway (Flask with PyJWT).
  it('is verified by the gateway with the secret alone', async () => {
    const { access, id } = await service.member();
    const { header, payload } = jwt.verify(access, secret(), { algorithms: ['HS256'], complete: true });
    const claims = payload as Record<string, unknown>;
    expect(header).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(claims.sub).toBe(id);
    expect(claims).not.toHaveProperty('aud');
    for (const required of ['sub', 'exp', 'iat']) expect(claims).toHaveProperty(required);
    expect(Number.isInteger(claims.iat) && (claims.iat as number) <= Date.now() / 1000).toBe(true);
    // At least 128 bits in base64url.
    expect(claims.jti).toMatch(/^[A-Za-z0-9_-]{22,}$/);
  });
});
