import { decode } from 'jsonwebtoken';
import { tokenHash } from '../src/crypto/tokens.js';
import { KeyRing } from '../src/crypto/key-ring.js';
import { RefreshTokens } from '../src/sessions/refresh-tokens.js';
import { type Member, TestApp, testValues } from './support/app.js';
import { queriesOf, sessionOf, word } from './support/sessions.js';

const INVALID = '401 invalid_refresh_token';
const OTHER_KEY = `k2:${Buffer.alloc(32, 'spec key two').toString('base64')}`;
let service: TestApp;
let second: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
  second = await TestApp.start();
});
afterAll(async () => {
  await second.stop();
  await service.stopAndDrop();
});

const refresh = (token: unknown, on = service) => on.post('/auth/refresh', { refresh_token: token });

async function row(accessToken: string) {
  const [found] = await service.sql('SELECT * FROM user_sessions WHERE id = $1', [sessionOf(accessToken)]);
  return found!;
}

/** Moves the last rotation into the past. */
async function rotatedAgo({ access }: Member, interval: string): Promise<void> {
  await service.sql(`UPDATE user_sessions SET rotated_at = now() - $2::interval WHERE id = $1`, [
    sessionOf(access),
    interval,
  ]);
}

describe('a refresh', () => {
  it('returns new tokens and the current user', async () => {
    const member = await service.member();
    await service.sql(`UPDATE users SET role = 'moderator', name = 'New Name' WHERE id = $1`, [member.id]);
    const { status, body } = await refresh(member.refresh);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token: body.access_token, token_type: 'Bearer', expires_in: 86_400 });
    expect(body.refresh_token).not.toBe(member.refresh);
    expect(decode(body.access_token)).toMatchObject({
      role: 'moderator',
      name: 'New Name',
      sid: sessionOf(member.access),
    });
    expect((await service.get('/users/profile', body.access_token)).body).toEqual(body.user);
    expect(body.user).toMatchObject({ name: 'New Name', has_password: true });
  });

  it('extends the session', async () => {
    const member = await service.member();
    await service.sql(`UPDATE user_sessions SET expires_at = now() + interval '1 hour' WHERE user_id = $1`, [
      member.id,
    ]);
    const { body } = await refresh(member.refresh);
    expect(body.refresh_expires_in).toBe(30 * 86_400);
    expect((await row(member.access)).expires_at.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  });

  it('stores only a hash of the token', async () => {
    const member = await service.member();
    const { body } = await refresh(member.refresh);
    const stored = await row(member.access);
    expect(stored.refresh_token).toBe(tokenHash(body.refresh_token));
    expect(JSON.stringify(stored)).not.toContain(body.refresh_token.split('.')[2]);
    expect(Buffer.from(body.refresh_token.split('.')[2], 'base64url')).toHaveLength(32);
  });

  it('works while a migration of the next release adds a column', async () => {
    const old = await TestApp.start({ DATABASE_POOL_SIZE: '2' });
    const member = await old.member();
    const { body } = await refresh(member.refresh, old);
    await service.sql('ALTER TABLE users ADD COLUMN of_the_next_release text');
    const answer = await refresh(body.refresh_token, old);
    await service.sql('ALTER TABLE users DROP COLUMN of_the_next_release');
    await old.stop();
    expect(word(answer)).toBe('200');
  });

  it('counts results', async () => {
    const count = async (result: string) =>
      Number(
        new RegExp(`action="refresh",result="${result}"} (\\d+)`).exec((await service.get('/metrics')).text)?.[1] ?? 0,
      );
    const member = await service.member();
    const before = [await count('ok'), await count('invalid_refresh_token')];
    await refresh(member.refresh);
    await refresh('nonsense');
    expect([await count('ok'), await count('invalid_refresh_token')]).toEqual(before.map((number) => number + 1));
  });
});

describe('a reused refresh token', () => {
  it('returns the same successor to 20 concurrent callers on two instances', async () => {
    const member = await service.member();
    const callers = Array.from({ length: 20 }, (_, n) => refresh(member.refresh, n % 2 ? second : service));
    const answers = await Promise.all(callers);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    const rows = await service.sql('SELECT counter, revoked_at FROM user_sessions WHERE user_id = $1', [member.id]);
    expect(rows).toEqual([{ counter: 1, revoked_at: null }]);
    expect(word(await refresh(answers[0]!.body.refresh_token))).toBe('200');
  });

  it('returns the same successor within the grace period on every instance', async () => {
    const member = await service.member();
    const first = await refresh(member.refresh);
    await rotatedAgo(member, '55 seconds');
    const retries = [await refresh(member.refresh, second), await refresh(member.refresh)];
    for (const { body } of retries) expect(body.refresh_token).toBe(first.body.refresh_token);
    expect((await service.get('/users/profile', retries[0]!.body.access_token)).status).toBe(200);
  });

  it('revokes the session on every instance after the grace period, with an audit entry', async () => {
    const member = await service.member();
    const { body } = await refresh(member.refresh);
    await rotatedAgo(member, '61 seconds');
    expect(word(await refresh(member.refresh))).toBe('401 refresh_token_reused');
    expect((await row(member.access)).revoked_reason).toBe('refresh_token_reused');
    for (const app of [service, second])
      for (const token of [member.access, body.access_token])
        expect(word(await app.get('/users/profile', token))).toBe('401 unauthenticated');
    expect(word(await refresh(body.refresh_token, second))).toBe(INVALID);
    const audit = await service.sql(
      `SELECT actor_id, reason, after FROM audit_logs WHERE target_id = $1 AND action = 'session.revoked'`,
      [member.id],
    );
    const after = { session_id: sessionOf(member.access) };
    expect(audit).toEqual([{ actor_id: null, reason: 'refresh_token_reused', after }]);
  });

  it('revokes the session within the grace period if the successor was used', async () => {
    const member = await service.member();
    const { body } = await refresh(member.refresh);
    await refresh(body.refresh_token);
    expect(word(await refresh(member.refresh))).toBe('401 refresh_token_reused');
    expect(word(await service.get('/users/profile', body.access_token))).toBe('401 unauthenticated');
  });

  it('revokes the session once for many replays', async () => {
    const member = await service.member();
    await refresh(member.refresh);
    await rotatedAgo(member, '61 seconds');
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(member.refresh)));
    expect(answers.every(({ status }) => status === 401)).toBe(true);
    const audit = await service.sql(`SELECT 1 FROM audit_logs WHERE target_id = $1 AND action = 'session.revoked'`, [
      member.id,
    ]);
    expect(audit).toHaveLength(1);
  });

  it('revokes the session at once without a grace period', async () => {
    const strict = await TestApp.start({ REFRESH_GRACE_SECONDS: '0' });
    const member = await strict.member();
    await refresh(member.refresh, strict);
    expect(word(await refresh(member.refresh, strict))).toBe('401 refresh_token_reused');
    await strict.stop();
  });

  it('does not revoke other sessions of the user', async () => {
    const member = await service.member();
    const other = await service.post('/auth/login', { email: member.email, password: member.password });
    await refresh(member.refresh);
    await rotatedAgo(member, '61 seconds');
    await refresh(member.refresh);
    expect((await service.get('/users/profile', other.body.access_token)).status).toBe(200);
  });
});

describe('invalid_refresh_token is the answer to', () => {
  it('a forged token, without a query', async () => {
    const { access, refresh: genuine } = await service.member();
    const [session, counter, mac] = genuine.split('.') as [string, string, string];
    const flipped = (mac.startsWith('A') ? 'B' : 'A') + mac.slice(1);
    const guesses = [
      `${session}.${counter}.${flipped}`,
      `${session}.1.${mac}`,
      'x',
      '',
      `${genuine}.`,
      access,
      'x'.repeat(5000),
    ];
    const guess = async () => {
      for (const forged of guesses) expect([forged, word(await refresh(forged))]).toEqual([forged, INVALID]);
    };
    expect(await queriesOf(service, guess)).toBe(0);
    expect(await queriesOf(service, () => refresh(genuine))).toBe(1);
  });

  it.each([
    ['an expired session', `UPDATE user_sessions SET expires_at = now() WHERE user_id = $1`],
    ['a revoked one', `UPDATE user_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = $1`],
    ['one that is gone', `DELETE FROM user_sessions WHERE user_id = $1`],
    ['a user that is not active', `UPDATE users SET is_active = false WHERE id = $1`],
    ['a database set back to before the token', `UPDATE user_sessions SET counter = 0 WHERE user_id = $1`],
  ])('%s', async (_, change) => {
    const member = await service.member();
    const { body } = await refresh(member.refresh);
    await service.sql(change, [member.id]);
    expect(word(await refresh(body.refresh_token))).toBe(INVALID);
  });

  it('unless the token is missing or no string, which is a validation error', async () => {
    expect(word(await service.post('/auth/refresh', {}))).toBe('400 validation_failed');
    expect(word(await refresh(7))).toBe('400 validation_failed');
  });
});

describe('during a rotation of ENCRYPTION_KEYS', () => {
  const OLD_KEY = testValues().ENCRYPTION_KEYS!;
  const startSwitched = () => TestApp.start({ ENCRYPTION_KEYS: `${OTHER_KEY},${OLD_KEY}` });

  it('all instances return the same successor, in either order of the two keys', async () => {
    const prepared = await TestApp.start({ ENCRYPTION_KEYS: `${OLD_KEY},${OTHER_KEY}` });
    const switched = await startSwitched();
    const member = await service.member();
    const callers = Array.from({ length: 20 }, (_, n) => refresh(member.refresh, n % 2 ? prepared : switched));
    const answers = await Promise.all(callers);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    await prepared.stop();
    await switched.stop();
  });

  it('refuses a token under the old key if the genuine one is under the new one', async () => {
    const switched = await startSwitched();
    const member = await service.member();
    const { body } = await refresh(member.refresh, switched);
    const forged = new RefreshTokens(service.settings, new KeyRing(service.settings)).make(sessionOf(member.access), 1);
    expect(word(await refresh(forged, switched))).toBe(INVALID);
    expect(word(await refresh(body.refresh_token, switched))).toBe('200');
    await switched.stop();
  });

  it('an instance without the new key asks for a retry and revokes nothing', async () => {
    const switched = await startSwitched();
    const member = await service.member();
    const { body } = await refresh(member.refresh, switched);
    const late = await refresh(member.refresh);
    expect([word(late), late.headers['retry-after']]).toEqual(['429 busy', '1']);
    expect(word(await refresh(body.refresh_token, switched))).toBe('200');
    await switched.stop();
  });
});
