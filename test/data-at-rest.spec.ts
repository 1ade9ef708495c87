import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { TestApp } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { mailedToken } from './support/mailbox.js';
import { until } from './support/until.js';

const PHONE = '+14155552671';
const BORN = '1990-05-17';
const PASSWORD = 'a password of this spec only';
const NEXT = 'another one of this spec only';

describeWith('redis', 'what is stored', () => {
  let service: TestApp;
  let redis: Redis;
  let folder: string;

  beforeAll(async () => {
    const REDIS_URL = await workerRedisUrl();
    redis = new Redis(REDIS_URL);
    folder = await mkdtemp(join(tmpdir(), 'meetinity-log-'));
    const log = { LOG_LEVEL: 'trace', LOG_FILE: join(folder, 'log') };
    service = await TestApp.start({ REDIS_URL, RATE_LIMIT_ENABLED: 'true', ...log });
  });
  afterAll(async () => {
    await service.stopAndDrop();
    redis.disconnect();
    await rm(folder, { recursive: true });
  });

  /** Every row of every table, as text: what a dump holds. */
  async function dump(): Promise<string> {
    const tables = await service.sql(`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
                                       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
    const rows = await Promise.all(tables.map(({ name }) => service.sql(`SELECT t::text AS row FROM ${name} t`)));
    return rows
      .flat()
      .map(({ row }) => row)
      .join('\n');
  }

  /** Every key of Redis with its value, of any type. */
  async function redisDump(): Promise<string> {
    const texts = (await redis.keys('*')).map(async (key) => {
      const type = await redis.type(key);
      if (type === 'none') return key;
      if (type === 'string') return `${key} ${await redis.get(key)}`;
      if (type === 'hash') return `${key} ${JSON.stringify(await redis.hgetall(key))}`;
      throw new Error(`${key} is a ${type}: say here how it is read`);
    });
    return (await Promise.all(texts)).join('\n');
  }

  it('contains no phone number, birth date, password or token in plain text: database, events, Redis, log', async () => {
    const member = await service.member({ password: PASSWORD });
    const { id, email } = member;
    const verification = await mailedToken(email, 'email_verification');
    const personal = { phone: PHONE, date_of_birth: BORN };
    expect((await service.put('/users/profile', personal, member.access)).body).toMatchObject(personal);
    // What is refused is not logged either.
    expect((await service.put('/users/profile', { ...personal, phone: '14155552671' }, member.access)).status).toBe(
      400,
    );
    await until(async () => {
      await service.get('/users/profile', member.access);
      return /value\.v\d+:/.test((await redis.get(`user:profile:${id}`)) ?? '');
    });
    expect((await service.get('/users/profile/export', member.access)).text).toContain(PHONE);
    const { refresh_token } = (await service.post('/auth/refresh', { refresh_token: member.refresh })).body;
    await service.post('/auth/login', { email, password: `${PASSWORD}?` });
    await service.post('/auth/password/forgot', { email });
    const reset = await mailedToken(email, 'password_reset');
    const unstored = await dump();
    expect((await service.post('/auth/password/reset', { token: reset, password: NEXT })).status).toBe(204);

    const places = { database: unstored + (await dump()), redis: await redisDump() };
    // Outside production, where mail is written to files, their links are logged: for who tries the service out.
    const lines = (await readFile(join(folder, 'log'), 'utf8')).split('\n');
    const log = lines.filter((line) => !line.includes('mail written to a file')).join('\n');
    // The scan sees what is there.
    expect(places.database).toContain(email);
    expect(places.redis).toContain(`user:profile:${id}`);
    expect(log).toContain('/users/profile');

    const secrets = [member.access, member.refresh, refresh_token, verification, reset, PASSWORD, NEXT];
    const forms = ['4155552671', '415-555-2671', '415 555 2671', BORN, '19900517', '17/05/1990', '05/17/1990'];
    for (const [place, content] of Object.entries({ ...places, log }))
      for (const secret of [...secrets, ...forms])
        for (const spelling of [
          secret,
          ...['base64', 'hex'].map((code) => Buffer.from(secret).toString(code as 'hex')),
        ])
          expect([place, content.includes(spelling)]).toEqual([place, false]);
  });
});
