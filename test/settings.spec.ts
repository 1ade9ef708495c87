import { autoWorkers } from '../src/config/settings.workers.js';
import { DEVELOPMENT, KEY, read, readProduction, refusal, type Values } from './support/settings.js';

describe('network', () => {
  it('prefers APP_PORT to PORT, and PORT to 8081', () => {
    expect(read().port).toBe(8081);
    expect(read({ PORT: '9000' }).port).toBe(9000);
    expect(read({ PORT: '9000', APP_PORT: '' }).port).toBe(9000);
    expect(read({ PORT: '9000', APP_PORT: '9001' }).port).toBe(9001);
  });

  it('listens on the loopback address, in production on all addresses', () => {
    expect(read().host).toBe('127.0.0.1');
    expect(readProduction().host).toBe('0.0.0.0');
  });

  it.each(['postgres', 'postgresql', 'postgresql+psycopg2'])('accepts DATABASE_URL as %s://', (scheme) => {
    const { database } = read({ DATABASE_URL: `${scheme}://u:p%40ss@db:5432/meetinity` });
    expect(database.url).toBe('postgresql://u:p%40ss@db:5432/meetinity');
    expect(database.directUrl).toBe(database.url);
  });

  it('separates the direct URL from the pooled one', () => {
    const urls = { DATABASE_URL: 'postgres://pooler/db', DATABASE_DIRECT_URL: 'postgres://primary/db' };
    expect(read(urls).database).toMatchObject({ url: 'postgresql://pooler/db', directUrl: 'postgresql://primary/db' });
  });

  it('accepts Redis with and without TLS, and with sentinels', () => {
    expect(read({ REDIS_URL: 'rediss://:secret@cache:6380/2' }).redis.url).toBe('rediss://:secret@cache:6380/2');
    const { redis } = read({ REDIS_URL: 'redis://cache/0', REDIS_SENTINELS: 's1:26379, s2:26380' });
    expect(redis.sentinels).toEqual([
      { host: 's1', port: 26_379 },
      { host: 's2', port: 26_380 },
    ]);
    for (const REDIS_SENTINELS of ['s1', 's1:0', 's1:65536'])
      expect(refusal({ ...DEVELOPMENT, REDIS_URL: 'redis://cache', REDIS_SENTINELS })).toContain('a list of host:port');
  });

  it('drops the trailing slash of base URLs, and keeps complete URLs unchanged', () => {
    const google = { OAUTH_GOOGLE_CLIENT_ID: 'id', OAUTH_GOOGLE_CLIENT_SECRET: 'secret' };
    const settings = read({
      ...google,
      PUBLIC_BASE_URL: 'https://api.example/',
      APP_PUBLIC_URL: 'https://app.example//',
      OAUTH_GOOGLE_REDIRECT_URI: 'https://api.example/callback/',
      OAUTH_GOOGLE_TOKEN_URL: 'https://proxy.example/token/',
    });
    expect(settings).toMatchObject({ publicBaseUrl: 'https://api.example', appPublicUrl: 'https://app.example' });
    expect(settings.oauth.google).toMatchObject({
      redirectUri: 'https://api.example/callback/',
      tokenUrl: 'https://proxy.example/token/',
    });
  });

  it('uses no servers without variables', () => {
    const settings = read();
    expect(settings.database.url).toBeNull();
    expect(settings.redis.url).toBeNull();
    expect(settings.kafka.brokers).toEqual([]);
    expect(settings.mail).toMatchObject({ smtpUrl: null, directory: '.data/mail' });
    expect(settings.oauth).toMatchObject({ google: null, linkedin: null });
  });
});

describe('the number of processes', () => {
  it('is one without REDIS_URL, else what WORKERS says', () => {
    expect(read().workers.count).toBe(1);
    expect(read({ WORKERS: 'auto' }).workers).toEqual({ count: 1, reason: 'REDIS_URL is not set' });
    expect(read({ WORKERS: '3', REDIS_URL: 'redis://cache' }).workers.count).toBe(3);
    expect(read({ WORKERS: 'auto', REDIS_URL: 'redis://cache' }).workers.reason).toMatch(
      /^[\d.]+ processors and \d+ MiB/,
    );
  });

  it.each([
    [4, 8192, 4],
    [4, 700, 2],
    [1.5, 8192, 1],
    [0.5, 100, 1],
  ])('is, with %d processors and %d MiB, %d', (cpus, mebibytes, count) => {
    expect(autoWorkers(cpus, mebibytes * 1024 * 1024).count).toBe(count);
  });
});

describe('Kafka', () => {
  const brokers = { KAFKA_BOOTSTRAP_SERVERS: 'k1:9092, k2:9092' };
  const login = { KAFKA_SASL_USERNAME: 'service', KAFKA_SASL_PASSWORD: 'secret' };

  it('uses plain text by default', () => {
    expect(read(brokers).kafka).toMatchObject({
      brokers: ['k1:9092', 'k2:9092'],
      topic: 'user.events',
      ssl: false,
      sasl: null,
    });
  });

  it.each([
    ['SSL', true, null],
    ['SASL_PLAINTEXT', false, 'SCRAM-SHA-512'],
    ['sasl_ssl', true, 'SCRAM-SHA-512'],
  ])('supports %s', (protocol, ssl, mechanism) => {
    const sasl = { ...login, KAFKA_SASL_MECHANISM: 'scram-sha-512' };
    const { kafka } = read({ ...brokers, ...sasl, KAFKA_SECURITY_PROTOCOL: protocol });
    expect(kafka).toMatchObject({ ssl, sasl: mechanism && { mechanism, username: 'service', password: 'secret' } });
  });

  it('requires a login with SASL, and a known mechanism', () => {
    const sasl: Values = { ...DEVELOPMENT, ...brokers, KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' };
    expect(refusal(sasl)).toContain('KAFKA_SASL_PASSWORD');
    expect(refusal({ ...sasl, ...login, KAFKA_SASL_MECHANISM: 'GSSAPI' })).toContain('KAFKA_SASL_MECHANISM');
  });
});

describe('tokens and keys', () => {
  it('lets JWT_EXPIRATION_MINUTES override JWT_EXPIRATION_HOURS', () => {
    expect(read().jwt.accessSeconds).toBe(86_400);
    expect(read({ JWT_EXPIRATION_HOURS: '2' }).jwt.accessSeconds).toBe(7200);
    expect(read({ JWT_EXPIRATION_HOURS: '2', JWT_EXPIRATION_MINUTES: '15' }).jwt.accessSeconds).toBe(900);
  });

  it('keeps encryption keys in order, so that the first one encrypts', () => {
    const other = Buffer.alloc(32, 'another key').toString('base64');
    const { encryptionKeys } = read({ ENCRYPTION_KEYS: `k2:${other}, k1:${KEY}` });
    expect(encryptionKeys.map(({ kid }) => kid)).toEqual(['k2', 'k1']);
    expect(encryptionKeys[1]!.key).toEqual(Buffer.from(KEY, 'base64'));
  });
});
