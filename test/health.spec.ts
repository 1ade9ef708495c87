import { readFileSync } from 'node:fs';
import { Lifecycle } from '../src/common/lifecycle.module.js';
import { VERSION } from '../src/common/version.js';
import { TestApp } from './support/app.js';
import { workerDatabase } from './support/environment.js';
import { TcpProxy } from './support/tcp-proxy.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

describe('GET /health', () => {
  it('reports the dependencies and counts as specified', async () => {
    await service.member();
    const answer = await service.get('/health');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'ok',
      service: 'user-service',
      version,
      dependencies: { database: 'up', redis: 'memory', kafka: 'disabled' },
      metrics: { active_users: 1, total_users: 1, oauth_providers: { google: 0, linkedin: 0 } },
    });
    expect(VERSION).toBe(version);
  });

  it('is degraded, and still 200, while Redis and Kafka cannot be reached', async () => {
    const alone = await TestApp.start({
      REDIS_URL: 'redis://127.0.0.1:1/0',
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
    });
    const answer = await alone.get('/health');
    expect(answer.status).toBe(200);
    expect(answer.body.status).toBe('degraded');
    expect(answer.body.dependencies).toEqual({ database: 'up', redis: 'down', kafka: 'down' });
    await alone.stop();
  });

  it('estimates large tables, even without statistics', async () => {
    await service.sql(
      `INSERT INTO users (email, name, is_active, oauth_provider, oauth_id)
       SELECT 'many' || n || '@example.com', 'Many', n % 10 <> 0, CASE WHEN n % 4 = 0 THEN 'google' END,
              CASE WHEN n % 4 = 0 THEN 'g' || n END FROM generate_series(1, 21000) AS n`,
    );
    const estimated = async () => {
      const large = await TestApp.start();
      const { metrics } = (await large.get('/health')).body;
      await large.stop();
      return metrics;
    };
    await service.sql(`DELETE FROM pg_statistic WHERE starelid = 'users'::regclass`);
    await service.sql(`UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = 'users'::regclass`);
    const early = await estimated();
    expect(early.total_users).toBeGreaterThan(20_000);
    expect(early.active_users).toBeGreaterThan(0);
    expect(early.active_users).toBeLessThan(early.total_users);
    await service.sql('ANALYZE users');
    const metrics = await estimated();
    expect(metrics.total_users).toBe(21_001);
    expect(metrics.active_users / 18_901).toBeCloseTo(1, 1);
    expect(metrics.oauth_providers.google / 5250).toBeCloseTo(1, 1);
    expect(metrics.oauth_providers.linkedin).toBe(0);
  });
});

describe('probes', () => {
  it.each(['/health/live', '/healthz', '/health/ready', '/ready', '/api/ready'])('%s answers', async (url) => {
    expect((await service.get(url)).status).toBe(200);
  });

  it('are live but not ready while the process drains', async () => {
    const draining = await TestApp.start();
    draining.app.get(Lifecycle).draining = true;
    expect((await draining.get('/ready')).status).toBe(503);
    expect((await draining.get('/healthz')).status).toBe(200);
    await draining.stop();
  });

  it('are not ready on a database that lacks a migration', async () => {
    const [{ name }] = await service.sql(
      'DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations) RETURNING name',
    );
    const behind = await TestApp.start();
    expect((await behind.get('/ready')).status).toBe(503);
    await behind.stop();
    await service.sql('INSERT INTO migrations (timestamp, name) VALUES (1, $1)', [name]);
  });
});

describe('without PostgreSQL', () => {
  it('answers 503 with the error body, is down and not ready, and stays alive', async () => {
    const proxy = await TcpProxy.before(await workerDatabase());
    const cut = await TestApp.start({ DATABASE_URL: proxy.url });
    const { access } = await cut.member();
    proxy.cut();
    const [profile, health, ready, live] = await Promise.all([
      cut.get('/users/profile', access),
      cut.get('/health'),
      cut.get('/ready'),
      cut.get('/healthz'),
    ]);
    expect([profile.status, profile.body.error.type]).toEqual([503, 'database_unavailable']);
    expect([health.status, health.body.status]).toEqual([503, 'down']);
    expect([ready.status, live.status]).toEqual([503, 200]);
    proxy.restore();
    expect((await cut.get('/users/profile', access)).status).toBe(200);
    await cut.stop();
    await proxy.stop();
  });
});
