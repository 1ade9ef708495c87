import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { Answer, Member, TestApp } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { form, FORM, picture } from './support/images.js';
import { MAIL_DIRECTORY, mailTo } from './support/mailbox.js';
import { until } from './support/until.js';
import { refuseRows } from './support/refused-rows.js';

const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start({ UPLOAD_FOLDER: folder });
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(folder, { recursive: true });
});

const erase = ({ access, password }: Member, body: unknown = { password }, app = service) =>
  app.delete('/users/profile', access, body);

const upload = async ({ access }: Member) =>
  service.request('POST', '/users/profile/avatar', {
    payload: form({ filename: 'a.png', content: await picture('png') }),
    headers: FORM,
    token: access,
  });

const errorOf = ({ status, body }: Answer) => [status, body.error?.type];
const eventsOf = (id: string) =>
  service.sql(
    'SELECT event_type, payload, parked_at FROM outbox_events WHERE NOT security AND user_id = $1 ORDER BY id',
    [id],
  );
const exists = async (id: string) => (await service.sql('SELECT 1 FROM users WHERE id = $1', [id])).length === 1;

describe('DELETE /users/profile', () => {
  it('deletes the account at once, with its sessions and picture, and frees the address', async () => {
    const member = await service.member();
    const { body: second } = await service.post('/auth/login', { email: member.email, password: member.password });
    await upload(member);
    const other = await TestApp.start();
    expect((await other.get('/users/profile', second.access_token)).status).toBe(200);
    const answer = await erase(member);
    expect([answer.status, answer.text]).toEqual([204, '']);
    for (const app of [service, other])
      for (const token of [member.access, second.access_token])
        expect(errorOf(await app.get('/users/profile', token))).toEqual([401, 'unauthenticated']);
    await other.stop();
    const refreshed = await service.post('/auth/refresh', { refresh_token: member.refresh });
    expect(errorOf(refreshed)).toEqual([401, 'invalid_refresh_token']);
    const login = await service.post('/auth/login', { email: member.email, password: member.password });
    expect(errorOf(login)).toEqual([401, 'invalid_credentials']);
    expect([readdirSync(folder), await exists(member.id)]).toEqual([[], false]);
    const again = await service.member({ email: member.email });
    expect(again.id).not.toBe(member.id);
    expect((await mailTo(member.email, 'account_deleted')).text).toContain('deleted');
  });

  it('publishes it once, and removes personal data from pending and replayed events', async () => {
    const member = await service.member({ name: 'Grace' });
    await service.put('/users/profile', { bio: 'x' }, member.access);
    await service.sql(
      `UPDATE outbox_events SET published_at = now() WHERE user_id = $1 AND event_type = 'user.created'`,
      [member.id],
    );
    await service.sql(
      `UPDATE outbox_events SET parked_at = now(), last_error = 'no' WHERE user_id = $1 AND event_type = 'user.updated'`,
      [member.id],
    );
    const answers = await Promise.all([erase(member), erase(member), erase(member)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401, 401]);
    expect(await eventsOf(member.id)).toEqual([
      {
        event_type: 'user.created',
        payload: { email: `${member.id}@erased.invalid`, name: 'Erased' },
        parked_at: null,
      },
      { event_type: 'user.updated', payload: { updated_fields: ['bio'] }, parked_at: null },
      { event_type: 'user.deleted', payload: {}, parked_at: null },
    ]);
  });

  it.each<[string, unknown, number, string]>([
    ['a wrong password', { password: 'not the password' }, 401, 'invalid_credentials'],
    ['a null password', { password: null }, 400, 'validation_failed'],
    ['a password that is no text', { password: 7 }, 400, 'validation_failed'],
  ])('refuses %s', async (_, body, status, type) => {
    const member = await service.member();
    expect(errorOf(await service.delete('/users/profile', member.access, body))).toEqual([status, type]);
    expect(errorOf(await service.delete('/users/profile', undefined, body))).toEqual([401, 'unauthenticated']);
    expect([(await service.get('/users/profile', member.access)).status, (await eventsOf(member.id)).length]).toEqual([
      200, 1,
    ]);
  });

  it('counts wrong passwords like failed sign-ins', async () => {
    const strict = await TestApp.start({ RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_LOGIN_PAIR: '3' });
    const member = await strict.member();
    for (let count = 0; count < 3; count++)
      expect((await erase(member, { password: 'guess' }, strict)).status).toBe(401);
    const locked = await erase(member, undefined, strict);
    expect([...errorOf(locked), Number(locked.headers['retry-after']) > 0]).toEqual([429, 'rate_limited', true]);
    const login = await strict.post('/auth/login', { email: member.email, password: member.password });
    expect(login.status).toBe(429);
    expect((await strict.get('/users/profile', member.access)).status).toBe(200);
    await strict.stop();
  });

  it('needs no password within ten minutes of a sign-in', async () => {
    const member = await service.member();
    expect((await erase(member, {})).status).toBe(204);
    const other = await service.member();
    expect((await service.delete('/users/profile', other.access)).status).toBe(204);
  });

  it('keeps one administrator, also for concurrent deletions', async () => {
    const [one, two] = [await service.memberWithRole('admin'), await service.memberWithRole('admin')];
    const answers = await Promise.all([erase(one), erase(two)]);
    expect(answers.map(errorOf).sort()).toEqual([
      [204, undefined],
      [409, 'last_admin'],
    ]);
    const [left, gone] = (await exists(one.id)) ? [one, two] : [two, one];
    expect([await exists(left.id), await exists(gone.id)]).toEqual([true, false]);
    expect(errorOf(await erase(left))).toEqual([409, 'last_admin']);
    await service.sql('UPDATE users SET role = $2 WHERE id = $1', [left.id, 'user']);
    expect((await erase(left)).status).toBe(204);
  });

  it('leaves no mail file except the deletion mail', async () => {
    const member = await service.member();
    await mailTo(member.email, 'email_verification');
    const [, erased] = await Promise.all([
      service.post('/auth/password/forgot', { email: member.email }),
      erase(member),
    ]);
    expect(erased.status).toBe(204);
    await mailTo(member.email, 'account_deleted');
    const left = () =>
      readdirSync(MAIL_DIRECTORY).filter((name) =>
        readFileSync(path.join(MAIL_DIRECTORY, name), 'utf8').includes(member.email),
      );
    await until(() => left().length === 1);
    expect(left()).toEqual([expect.stringContaining('-account_deleted-')]);
  });

  it('leaves no file of a concurrent upload', async () => {
    for (let round = 0; round < 5; round++) {
      const member = await service.member();
      await upload(member);
      const [first, second, erased] = await Promise.all([upload(member), upload(member), erase(member)]);
      for (const { status } of [first, second]) expect([200, 401, 429]).toContain(status);
      expect(erased.status).toBe(204);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each<[string, (member: Member) => Promise<Answer>]>([
    ['PUT /users/profile', ({ access }) => service.put('/users/profile', { bio: 'late' }, access)],
    ['PUT /users/preferences', ({ access }) => service.put('/users/preferences', { age_min: 30 }, access)],
    ['an upload', upload],
    ['an export', ({ access }) => service.get('/users/profile/export', access)],
    ['an unlinking', ({ access }) => service.delete('/users/identities/google', access)],
  ])('answers %s in flight with 401', async (_, request) => {
    const member = await service.member();
    const { asked } = await service.database.transaction(async (tx) => {
      await tx.query('DELETE FROM users WHERE id = $1', [member.id]);
      const late = request(member);
      // The session was checked before; the row is waited for.
      await service.blocked();
      return { asked: late };
    });
    expect(errorOf(await asked)).toEqual([401, 'unauthenticated']);
  });

  it('is one transaction', async () => {
    const member = await service.member();
    await upload(member);
    const allow = await refuseRows(service, 'DELETE ON users');
    expect((await erase(member)).status).toBe(500);
    await allow();
    expect((await service.get('/users/profile', member.access)).body.email).toBe(member.email);
    expect(readdirSync(folder)).toHaveLength(1);
    expect((await eventsOf(member.id))[0]!.payload.email).toBe(member.email);
    expect((await erase(member)).status).toBe(204);
  });
});

describeWith('redis', 'an erasure with Redis', () => {
  it('leaves no cached data, and no instance accepts the token', async () => {
    const url = await workerRedisUrl();
    const apps = [await TestApp.start({ REDIS_URL: url }), await TestApp.start({ REDIS_URL: url })] as const;
    const redis = new Redis(url);
    const member = await apps[0].member({ name: 'Grace Cached' });
    for (const app of apps)
      for (const address of ['/users/profile', '/users/preferences'])
        expect((await app.get(address, member.access)).status).toBe(200);
    expect((await erase(member, undefined, apps[0])).status).toBe(204);
    for (const app of apps) expect((await app.get('/users/profile', member.access)).status).toBe(401);
    // On a machine so slow that the circuit breaker opened, the entries go when it closes.
    await until(async () => {
      const values = await Promise.all((await redis.keys('user:*')).map((key) => redis.get(key).catch(() => '')));
      return !values.some((value) => value?.includes('Grace') || value?.includes('age_min'));
    });
    redis.disconnect();
    for (const app of apps) await app.stop();
  });
});
