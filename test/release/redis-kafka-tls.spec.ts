import { readFileSync, writeFileSync } from 'node:fs';
import { runGuarded } from '../../scripts/services/guard.js';
import { type KafkaService, startKafka } from '../../scripts/services/kafka.js';
import { freePorts } from '../../scripts/services/tools.js';
import { CircuitBreaker } from '../../src/redis/circuit-breaker.js';
import { connectRedis, redisLabel } from '../../src/redis/connection.js';
import type { Logger } from '../../src/common/logging/logger.js';
import { readSettings } from '../../src/config/settings.js';
import type { PendingEvent } from '../../src/events/event-message.js';
import { EventPublisher } from '../../src/events/event-publisher.js';
import { KafkaHealthIndicator } from '../../src/events/kafka.health-indicator.js';
import { TestApp, testValues } from '../support/app.js';
import { CertificateAuthority, noCertificates } from '../support/certificates.js';
import { describeUnless, describeWith } from '../support/environment.js';
import { refusal } from '../support/settings.js';
import { until } from '../support/until.js';

type Values = Record<string, string>;

const settingsOf = (values: Values) => readSettings(testValues(values));

describeUnless(noCertificates, 'servers with a certificate of a private authority', () => {
  const authority = new CertificateAuthority();
  const stranger = new CertificateAuthority('Another Authority');
  const { cert, key } = authority.issue('server', 'DNS:localhost');
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });

  describeWith('redis', 'Redis', () => {
    const warn = jest.fn();
    const logger = { warn, info: jest.fn() } as unknown as Logger;
    let server: ReturnType<typeof runGuarded>;
    let port: number;

    beforeAll(async () => {
      [port] = (await freePorts(0)) as [number];
      const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', authority.cert];
      const options = ['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', 'no', '--bind', '127.0.0.1'];
      server = runGuarded(['redis-server', ...options, '--save', '', '--dir', authority.folder, ...files], {});
    });
    afterAll(() => server.stop());
    beforeEach(() => warn.mockClear());

    function connect(host: string, ca: string): CircuitBreaker {
      const settings = settingsOf({ REDIS_URL: `rediss://${host}:${port}`, REDIS_SSL_CA: ca });
      const breaker = new CircuitBreaker(connectRedis(settings), logger, redisLabel(settings));
      breaker.timeoutMs = 5000;
      return breaker;
    }

    it.each(['path', 'text'])('is reached with its authority as %s', async (form) => {
      const breaker = connect('localhost', form === 'path' ? authority.cert : authority.pem);
      await until(() => breaker.redis!.status === 'ready');
      await until(() => breaker.available);
      expect(await breaker.run((redis) => redis.ping())).toBe('PONG');
      breaker.stop();
    });

    it.each([
      [
        'another authority',
        'localhost',
        stranger.cert,
        /^Redis \(REDIS_URL, localhost:\d+\): (self-signed|unable to verify)/,
      ],
      ['another host name', '127.0.0.1', authority.cert, /^Redis \(REDIS_URL, 127.0.0.1:\d+\): .*altnames/],
    ])('with %s is refused, with the reason in the log', async (_, host, ca, reason) => {
      const breaker = connect(host, ca);
      await until(() => warn.mock.calls.some(([{ reason: found }]) => reason.test(found)));
      expect(breaker.available).toBe(false);
      breaker.stop();
    });
  });

  describeWith('kafka', 'Kafka', () => {
    let server: KafkaService;
    const values = (changes: Values = {}) => ({
      KAFKA_BOOTSTRAP_SERVERS: server.encrypted!,
      KAFKA_SECURITY_PROTOCOL: 'SSL',
      KAFKA_SSL_CA: authority.pem,
      ...changes,
    });

    beforeAll(async () => {
      const certificate = `${authority.folder}/kafka.pem`;
      writeFileSync(certificate, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
      server = await startKafka({ certificate, detours: 0, log: () => undefined });
    }, 60_000);
    afterAll(() => server.stop());

    it('receives events with its authority', async () => {
      const service = await TestApp.start(values());
      await service.member();
      await until(async () => {
        const rows = await service.sql('SELECT FROM outbox_events WHERE published_at IS NULL');
        return rows.length === 0;
      }, 20_000);
      await until(async () => (await service.get('/health')).body.dependencies.kafka === 'up');
      await service.stopAndDrop();
    }, 60_000);

    it.each([
      [
        'another authority',
        () => values({ KAFKA_SSL_CA: stranger.cert }),
        /^Kafka \(KAFKA_BOOTSTRAP_SERVERS, localhost:\d+\): .*(self-signed|unable to verify)/,
      ],
      [
        'another host name',
        () => values({ KAFKA_BOOTSTRAP_SERVERS: server.encrypted!.replace('localhost', '127.0.0.1') }),
        /^Kafka \(KAFKA_BOOTSTRAP_SERVERS, 127.0.0.1:\d+\): .*altnames/,
      ],
    ])('with %s is refused, with server and reason in the error', async (_, changed, reason) => {
      const settings = settingsOf(changed());
      const probe = new KafkaHealthIndicator(settings);
      await expect(probe.ping()).rejects.toThrow();
      probe.onApplicationShutdown();
      const publisher = new EventPublisher(settings, { warn: jest.fn() } as unknown as Logger, () => true);
      const event = {
        user_id: 'u',
        event_type: 'user.registered',
        payload: '{}',
        timestamp: '2026-01-01T00:00:00Z',
      } as unknown as PendingEvent;
      expect((await publisher.publish([event])).error?.message).toMatch(reason);
      await publisher.close();
    });
  });

  it.each([
    [{ REDIS_URL: 'redis://cache' }, 'REDIS_SSL_CA', /^REDIS_SSL_CA needs a REDIS_URL with rediss/],
    [{ KAFKA_BOOTSTRAP_SERVERS: 'b:1' }, 'KAFKA_SSL_CA', /^KAFKA_SSL_CA needs a KAFKA_SECURITY_PROTOCOL/],
  ])('an authority for %j, which does not encrypt, is refused', (given, name, message) => {
    expect(refusal(testValues({ ...given, [name]: authority.pem }))).toMatch(message);
  });
});
