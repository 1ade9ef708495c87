import { readSettings, SettingsError } from './settings.js';

type Values = Record<string, string | undefined>;

const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
const DEVELOPMENT: Values = { JWT_SECRET: 'short', ENCRYPTION_KEYS: `k1:${KEY}` };
const PRODUCTION: Values = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://u:p@db/meetinity',
  JWT_SECRET: 'Tq8v1oZ0yKc3mW9xJr5uLd7nBf2hPa6e',
  ENCRYPTION_KEYS: `k1:${KEY}`,
};

const read = (values: Values = {}) => readSettings({ ...DEVELOPMENT, ...values });
const readProduction = (values: Values = {}) => readSettings({ ...PRODUCTION, ...values });

/** The one line that a wrong environment ends the process with. */
function refusal(values: Values): string {
  try {
    readSettings(values);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(values)}`);
}

describe('a wrong value is refused in one line that names the variable', () => {
  it.each([
    ['NODE_ENV', 'staging'],
    ['APP_PORT', '80a'],
    ['APP_PORT', '65536'],
    ['PORT', 'http'],
    ['TRUST_PROXY_HOPS', '-1'],
    ['PUBLIC_BASE_URL', 'api.example.com'],
    ['APP_PUBLIC_URL', 'ftp://app.example.com'],
    ['LOG_LEVEL', 'loud'],
    ['ACCESS_LOG', 'maybe'],
    ['METRICS_ENABLED', '2'],
    ['SHUTDOWN_DELAY_SECONDS', '60'],
    ['DATABASE_URL', 'mysql://localhost/meetinity'],
    ['DATABASE_URL', 'postgresql://host name/db'],
    ['DATABASE_DIRECT_URL', 'localhost:5432'],
    ['DATABASE_REPLICA_URL', 'replica'],
    ['DATABASE_POOL_SIZE', '1'],
    ['DATABASE_STATEMENT_TIMEOUT_MS', '5s'],
    ['REDIS_URL', 'http://localhost:6379'],
    ['REDIS_SENTINELS', 'sentinel'],
    ['REDIS_SENTINELS', 'sentinel:26379'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'localhost'],
    ['KAFKA_USER_TOPIC', 'user events'],
    ['KAFKA_SECURITY_PROTOCOL', 'TLS'],
    ['JWT_EXPIRATION_HOURS', '0'],
    ['JWT_EXPIRATION_MINUTES', '1.5'],
    ['JWT_REFRESH_EXPIRATION_DAYS', 'thirty'],
    ['REFRESH_GRACE_SECONDS', '3601'],
    ['BCRYPT_COST', '17'],
    ['REQUIRE_EMAIL_VERIFICATION', 'perhaps'],
    ['ADMIN_BOOTSTRAP_EMAIL', 'admin'],
    ['ADMIN_BOOTSTRAP_EMAIL', 'a@example.com,b@example.com'],
    ['OAUTH_GOOGLE_CLIENT_ID', 'an id without a secret'],
    ['OAUTH_LINKEDIN_CLIENT_SECRET', 'a secret without an id'],
    ['OAUTH_GOOGLE_REDIRECT_URI', '/callback'],
    ['OAUTH_LINKEDIN_TOKEN_URL', 'token'],
    ['SMTP_URL', 'mail.example.com:25'],
    ['MAIL_FROM', 'Meetinity'],
    ['MAIL_FROM', 'a@example.com, b@example.com'],
    ['MAIL_FROM', 'A <a@example.com>\r\nBcc: b@example.com'],
    ['MAX_CONTENT_LENGTH', '16MB'],
    ['ALLOWED_EXTENSIONS', '.jpg,.png'],
    ['ALLOWED_EXTENSIONS', ','],
    ['CORS_ORIGINS', 'app.example'],
    ['CORS_ORIGINS', 'https://app.example/'],
    ['CORS_ORIGINS', 'https://app.example:443'],
    ['CORS_ORIGINS', 'https://App.example'],
    ['CORS_ORIGINS', 'https://*.example'],
    ['OUTBOX_RETENTION_DAYS', '0'],
    ['RATE_LIMIT_LOGIN_PAIR', 'ten'],
    ['ENCRYPTION_KEYS', `k1:${KEY},k1:${KEY}`],
    ['ENCRYPTION_KEYS', KEY],
    ['ENCRYPTION_KEYS', `k1:${Buffer.alloc(16, 7).toString('base64')}`],
    ['ENCRYPTION_KEYS', undefined],
    ['JWT_SECRET', undefined],
  ])('%s=%s', (name, value) => {
    const message = refusal({ ...DEVELOPMENT, [name]: value });
    expect(message).toContain(name);
    expect(message).not.toContain('\n');
  });

  it.each(['DATABASE_URL', 'REDIS_URL', 'SMTP_URL'])('without echoing the password in %s', (name) => {
    expect(refusal({ ...DEVELOPMENT, [name]: 'nonsense://user:hunter2@host' })).not.toContain('hunter2');
  });
});

describe('production refuses', () => {
  it.each(['DATABASE_URL', 'JWT_SECRET', 'ENCRYPTION_KEYS'])('a missing or empty %s', (name) => {
    for (const value of [undefined, '', '  ']) expect(refusal({ ...PRODUCTION, [name]: value })).toContain(name);
  });

  it('a JWT_SECRET of less than 32 bytes', () => {
    expect(refusal({ ...PRODUCTION, JWT_SECRET: PRODUCTION.JWT_SECRET!.slice(1) })).toContain('JWT_SECRET');
    expect(readProduction().jwt.secret).toHaveLength(32);
  });

  it.each([
    'your-jwt-secret-key-your-jwt-secret-key',
    'example-0123456789-0123456789-0123456789',
    'please-CHANGE-ME-0123456789-0123456789',
    '<openssl rand -base64 48, 0123456789>',
    'abababababababababababababababababab',
  ])('the example value %s', (value) => {
    expect(refusal({ ...PRODUCTION, JWT_SECRET: value })).toContain('JWT_SECRET');
  });

  it('a previous secret, which still verifies, that is weak', () => {
    expect(refusal({ ...PRODUCTION, JWT_SECRET_PREVIOUS: 'short' })).toContain('JWT_SECRET_PREVIOUS');
  });

  it('an encryption key that nobody drew', () => {
    const zeros = `k1:${Buffer.alloc(32).toString('base64')}`;
    expect(refusal({ ...PRODUCTION, ENCRYPTION_KEYS: zeros })).toContain('ENCRYPTION_KEYS');
    expect(read({ ENCRYPTION_KEYS: zeros }).encryptionKeys).toHaveLength(1);
  });

  it('a bcrypt cost that is too cheap', () => {
    expect(refusal({ ...PRODUCTION, BCRYPT_COST: '9' })).toContain('BCRYPT_COST');
    expect(read({ BCRYPT_COST: '4' }).bcryptCost).toBe(4);
  });
});

describe('network', () => {
  it('prefers APP_PORT to PORT, and PORT to 8081', () => {
    expect(read().port).toBe(8081);
    expect(read({ PORT: '9000' }).port).toBe(9000);
    expect(read({ PORT: '9000', APP_PORT: '' }).port).toBe(9000);
    expect(read({ PORT: '9000', APP_PORT: '9001' }).port).toBe(9001);
  });

  it('listens to this machine only, but to everybody in production', () => {
    expect(read().host).toBe('127.0.0.1');
    expect(readProduction().host).toBe('0.0.0.0');
  });

  it.each(['postgres', 'postgresql', 'postgresql+psycopg2'])('accepts DATABASE_URL as %s://', (scheme) => {
    const { database } = read({ DATABASE_URL: `${scheme}://u:p%40ss@db:5432/meetinity` });
    expect(database.url).toBe('postgresql://u:p%40ss@db:5432/meetinity');
    expect(database.directUrl).toBe(database.url);
  });

  it('keeps the direct address apart from the pooled one', () => {
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
  });

  it('does without the servers that no variable names', () => {
    const settings = read();
    expect(settings.database.url).toBeNull();
    expect(settings.redis.url).toBeNull();
    expect(settings.kafka.brokers).toEqual([]);
    expect(settings.mail).toMatchObject({ smtpUrl: null, directory: '.data/mail' });
    expect(settings.oauth).toMatchObject({ google: null, linkedin: null });
  });
});

describe('Kafka', () => {
  const brokers = { KAFKA_BOOTSTRAP_SERVERS: 'k1:9092, k2:9092' };
  const login = { KAFKA_SASL_USERNAME: 'service', KAFKA_SASL_PASSWORD: 'secret' };

  it('speaks plain text by default', () => {
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
  ])('speaks %s', (protocol, ssl, mechanism) => {
    const sasl = { ...login, KAFKA_SASL_MECHANISM: 'scram-sha-512' };
    const { kafka } = read({ ...brokers, ...sasl, KAFKA_SECURITY_PROTOCOL: protocol });
    expect(kafka).toMatchObject({ ssl, sasl: mechanism && { mechanism, username: 'service', password: 'secret' } });
  });

  it('wants a login where the protocol has one, and a mechanism it knows', () => {
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
