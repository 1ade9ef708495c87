import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { connectRedis } from '../src/redis/connection.js';
import { createLogger } from '../src/common/logging/logger.js';
import { readSettings } from '../src/config/settings.js';
import { testValues } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until } from './support/until.js';

/** Milliseconds in which a connection that hangs has to be replaced. */
const MAX_RECOVERY_MS = 8000;

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

/** What a sentinel says to what has come in; it is asked for nothing else. */
function sentinelAnswers(asked: string, primary: URL): string {
  const answers = {
    setinfo: '+OK\r\n',
    'get-master-addr-by-name': `*2\r\n${bulk(primary.hostname)}${bulk(primary.port)}`,
    sentinels: '*0\r\n',
  };
  const words = asked.toLowerCase().split('\r\n');
  return words.map((word) => answers[word as keyof typeof answers] ?? '').join('');
}

describeWith('redis', 'the connection to Redis', () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  const breakers: CircuitBreaker[] = [];
  let proxy: TcpProxy;

  beforeAll(async () => {
    proxy = await TcpProxy.before(await workerRedisUrl());
  });
  afterAll(async () => {
    for (const breaker of breakers) breaker.stop();
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    await proxy.stop();
  });

  /** @returns `host:port` of a server that answers each chunk like this */
  async function serve(answer: (asked: string) => string): Promise<string> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).on('data', (chunk) => socket.write(answer(String(chunk))));
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function connect(variables: Record<string, string>): Promise<CircuitBreaker> {
    const redis = connectRedis(readSettings(testValues(variables)))!;
    const breaker = new CircuitBreaker(redis, createLogger('silent', null));
    breakers.push(breaker);
    await until(() => redis.status === 'ready', MAX_RECOVERY_MS);
    return breaker;
  }

  const withSentinels = async (silent: string[]) => {
    const primary = new URL(proxy.url);
    const speaking = await serve((asked) => sentinelAnswers(asked, primary));
    return connect({ REDIS_URL: proxy.url, REDIS_SENTINELS: [...silent, speaking].join() });
  };

  it.each([
    ['an address', () => connect({ REDIS_URL: proxy.url })],
    ['a sentinel', () => withSentinels([])],
  ])('that hangs is replaced by a new one to the server that %s names now', async (_, start) => {
    const breaker = await start();
    proxy.freezeOpen();
    await expect(breaker.run((redis) => redis.get('spec:any'))).rejects.toThrow();
    await until(() => breaker.available, MAX_RECOVERY_MS);
    expect(await breaker.run((redis) => redis.ping())).toBe('PONG');
  });

  it('is found through the second sentinel if the first one does not answer', async () => {
    const silent = await serve(() => '');
    const breaker = await withSentinels([silent]);
    expect(await breaker.run((redis) => redis.ping())).toBe('PONG');
  });
});
