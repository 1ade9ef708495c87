import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { readSettings } from '../src/config/settings.js';
import { DatabaseHealthIndicator } from '../src/health/database.health-indicator.js';
import { TestApp, testValues, uniqueEmail } from './support/app.js';
import { workerDatabase } from './support/environment.js';
import { until } from './support/until.js';

/** Connections that the role may have, as `max_connections` is what the service and its neighbours share. */
const MAX_CONNECTIONS = 8;
const role = `limited_${randomBytes(4).toString('hex')}`;
const others: Client[] = [];

let service: TestApp;
let url: string;

/** Takes one connection; false where PostgreSQL has none left. */
async function takeOne(): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    others.push(client);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== '53300') throw error;
    return false;
  }
}

const backends = async () => {
  const rows = await service.sql('SELECT pid FROM pg_stat_activity WHERE usename = $1 ORDER BY pid', [role]);
  return rows.map(({ pid }) => pid as number);
};

beforeAll(async () => {
  service = await TestApp.start();
  // Not a superuser: those are let in beyond a limit of their own.
  await service.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'limited' CONNECTION LIMIT ${MAX_CONNECTIONS}`);
  await service.sql(`GRANT pg_read_all_data, pg_write_all_data TO ${role}`);
  url = Object.assign(new URL(await workerDatabase()), { username: role, password: 'limited' }).href;
});
afterEach(async () => {
  await Promise.all(others.splice(0).map((client) => client.end()));
  await until(async () => (await backends()).length === 0);
});
afterAll(async () => {
  await service.sql(`DROP ROLE ${role}`);
  await service.stopAndDrop();
});

describe('PostgreSQL without free connections', () => {
  it('is neither down nor unready: requests use the open ones', async () => {
    const crowded = await TestApp.start({ DATABASE_URL: url });
    try {
      const { access } = await crowded.member();
      while (await takeOne());
      const [health, ready, profile] = [
        await crowded.get('/health'),
        await crowded.get('/ready'),
        await crowded.get('/users/profile', access),
      ];
      expect([health.status, health.body.dependencies.database]).toEqual([200, 'up']);
      expect([ready.status, profile.status]).toEqual([200, 200]);
    } finally {
      await crowded.stop();
    }
  });
});

describe('a pool of two connections', () => {
  it('answers beside two requests for another address, which take one connection each', async () => {
    const small = await TestApp.start({ DATABASE_POOL_SIZE: '2' });
    const holder = service.database.createQueryRunner();
    try {
      const members = [await small.member(), await small.member()];
      await holder.startTransaction();
      await holder.query('SELECT FROM users WHERE id = ANY ($1) FOR UPDATE', [members.map(({ id }) => id)]);
      for (const { access } of members)
        expect((await small.post('/auth/email/change', { email: uniqueEmail() }, access)).status).toBe(202);
      await service.blocked(2);
      await holder.commitTransaction();
      expect((await small.get('/users/profile', members[0]!.access)).status).toBe(200);
    } finally {
      await holder.release();
      await small.stop();
    }
  });
});

describe('the connection of the health check', () => {
  it('stays open between checks', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
    const probe = new DatabaseHealthIndicator(readSettings(testValues({ DATABASE_URL: url })));
    try {
      await probe.isWritable();
      const before = await backends();
      jest.advanceTimersByTime(600_000);
      await probe.isWritable();
      expect(before).toHaveLength(1);
      expect(await backends()).toEqual(before);
    } finally {
      jest.useRealTimers();
      probe.onApplicationShutdown();
    }
  });
});
