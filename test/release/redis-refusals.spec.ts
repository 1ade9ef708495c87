import { Redis } from 'ioredis';
import { type RedisService, startRedis } from '../../scripts/services/redis.js';
import { type Member, TestApp, uniqueEmail } from '../support/app.js';
import { describeWith } from '../support/environment.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describeWith('redis', 'a Redis that refuses writes', () => {
  const servers: RedisService[] = [];
  const clients: Redis[] = [];
  let one: Redis;
  let two: Redis;
  let proxy: TcpProxy;
  let service: TestApp;
  let member: Member;

  async function startServer(): Promise<[string, Redis]> {
    const server = await startRedis({ log: () => undefined });
    const client = new Redis(server.url);
    servers.push(server);
    clients.push(client);
    return [server.url, client];
  }

  /** Calls that have something in Redis, each with the answer it gives with and without. */
  const tour = async () => {
    const { email, password, access } = member;
    const statuses = [
      await service.get('/users/profile', access),
      await service.put('/users/profile', { bio: `${performance.now()}` }, access),
      await service.put('/users/preferences', { age_min: 18 + (Math.round(performance.now()) % 40) }, access),
      await service.post('/auth/login', { email, password }),
      // An address of its own for each: one has three links an hour.
      await service.post('/auth/password/forgot', { email: uniqueEmail() }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 200, 200, 202]);
  };

  const report = async () => (await service.get('/health')).body as { status: string; dependencies: { redis: string } };
  const isReported = (state: string) => until(async () => (await report()).dependencies.redis === state);

  let first: string;
  let second: string;
  beforeAll(async () => {
    [[first, one], [second, two]] = await Promise.all([startServer(), startServer()]);
    proxy = await TcpProxy.before(first);
    service = await TestApp.start({ REDIS_URL: proxy.url, RATE_LIMIT_ENABLED: 'true' });
    member = await service.member();
    await tour();
    await isReported('up');
  });
  afterAll(async () => {
    await service.stopAndDrop();
    await proxy.stop();
    for (const client of clients) client.disconnect();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it.each([
    ['is full', 'maxmemory', '1', '0'],
    ['has too few replicas', 'min-replicas-to-write', '1', '0'],
  ])(
    'because it %s is down, everything works without it, and it is used again afterwards',
    async (_, name, set, reset) => {
      await one.config('SET', name, set);
      await isReported('down');
      await until(async () => (await report()).status === 'degraded');
      await tour();
      await one.config('SET', name, reset);
      await isReported('up');
    },
  );

  it('because it was demoted is replaced by the new primary', async () => {
    const [host, port] = [new URL(first).hostname, new URL(first).port];
    await two.replicaof(host, port);
    await until(async () => (await two.info('replication')).includes('master_link_status:up'));
    await two.replicaof('NO', 'ONE');
    const { hostname, port: to } = new URL(second);
    await one.replicaof(hostname, to);
    proxy.moveTo(second);
    await expect(one.set('spec', '1')).rejects.toThrow('READONLY');
    await tour();
    // Without a look at the report: what requests find is enough.
    const usesTheNew = async () => {
      await tour();
      return String(await two.client('LIST')).includes('cmd=eval');
    };
    await until(usesTheNew, 15_000);
    await isReported('up');
  }, 60_000);
});
