import { DEVELOPMENT, KEY, PRODUCTION, read, readProduction, refusal } from './support/settings.js';

describe('a wrong value is refused in one line that names the variable', () => {
  it.each([
    ['NODE_ENV', 'staging'],
    ['APP_PORT', '80a'],
    ['APP_PORT', '65536'],
    ['PORT', 'http'],
    ['WORKERS', '2'],
    ['WORKERS', 'many'],
    ['METRICS_PORT', '8081'],
    ['TRUST_PROXY_HOPS', '-1'],
    ['PUBLIC_BASE_URL', 'api.example.com'],
    ['PUBLIC_BASE_URL', 'https://api.example.com/?a=b'],
    ['PUBLIC_BASE_URL', 'https:api.example.com'],
    ['APP_PUBLIC_URL', 'ftp://app.example.com'],
    ['LOG_LEVEL', 'loud'],
    ['ACCESS_LOG', 'maybe'],
    ['METRICS_ENABLED', '2'],
    ['SHUTDOWN_DELAY_SECONDS', '11'],
    ['DATABASE_URL', 'mysql://localhost/meetinity'],
    ['DATABASE_URL', 'postgresql://host name/db'],
    ['DATABASE_URL', 'postgresql://user:100%safe@localhost/db'],
    ['DATABASE_URL', 'postgresql://user:p@ss/w#rd@localhost/db'],
    ['DATABASE_DIRECT_URL', 'localhost:5432'],
    ['DATABASE_OWNER_URL', 'owner'],
    ['DATABASE_OWNER_URL', 'postgresql://owner@db/without-a-service'],
    ['DATABASE_REPLICA_URL', 'replica'],
    ['DATABASE_POOL_SIZE', '1'],
    ['DATABASE_STATEMENT_TIMEOUT_MS', '5s'],
    ['REDIS_URL', 'http://localhost:6379'],
    ['REDIS_URL', 'redis://'],
    ['REDIS_URL', 'redis://localhost:6379/cache'],
    ['REDIS_URL', 'redis://:100%safe@localhost:6379'],
    ['REDIS_URL', 'redis://:not/safe@localhost:6379'],
    ['S3_ACCESS_KEY_ID', 'an id without a secret'],
    ['S3_SECRET_ACCESS_KEY', 'a secret without an id'],
    ['REDIS_SENTINELS', 'sentinel'],
    ['REDIS_SENTINELS', 'sentinel:26379'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'localhost'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'a:9092,b:90920'],
    ['KAFKA_TOPIC_REPLICATION', '0'],
    ['KAFKA_USER_TOPIC', 'user events'],
    ['KAFKA_SECURITY_TOPIC', 'user.events'],
    ['KAFKA_AUDIT_TOPIC', 'user.events'],
    ['KAFKA_AUDIT_TOPIC', 'user.security'],
    ['KAFKA_SECURITY_PROTOCOL', 'TLS'],
    ['KAFKA_SASL_MECHANISM', 'GSSAPI'],
    ['JWT_EXPIRATION_HOURS', '0'],
    ['JWT_EXPIRATION_MINUTES', '1.5'],
    ['JWT_REFRESH_EXPIRATION_DAYS', 'thirty'],
    ['REFRESH_GRACE_SECONDS', '3601'],
    ['BCRYPT_COST', '16'],
    ['REQUIRE_EMAIL_VERIFICATION', 'perhaps'],
    ['ADMIN_BOOTSTRAP_EMAIL', 'admin'],
    ['ADMIN_BOOTSTRAP_EMAIL', 'admin@localhost'],
    ['ADMIN_BOOTSTRAP_EMAIL', 'a@example.com,b@example.com'],
    ['OAUTH_GOOGLE_CLIENT_ID', 'an id without a secret'],
    ['OAUTH_LINKEDIN_CLIENT_SECRET', 'a secret without an id'],
    ['OAUTH_GOOGLE_REDIRECT_URI', '/callback'],
    ['OAUTH_LINKEDIN_TOKEN_URL', 'token'],
    ['SMTP_URL', 'mail.example.com:25'],
    ['SMTP_URL', 'smtp:mail.example.com'],
    ['SMTP_URL', 'smtp://'],
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
    for (const line of message.split('\n')) expect(line).toContain(name);
  });

  it.each(['DATABASE_URL', 'REDIS_URL', 'SMTP_URL'])('without echoing the password in %s', (name) => {
    expect(refusal({ ...DEVELOPMENT, [name]: 'nonsense://user:hunter2@host' })).not.toContain('hunter2');
  });
});

describe('production refuses', () => {
  it.each(['DATABASE_URL', 'PUBLIC_BASE_URL', 'JWT_SECRET', 'ENCRYPTION_KEYS'])('a missing or empty %s', (name) => {
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

  it('a weak previous secret', () => {
    expect(refusal({ ...PRODUCTION, JWT_SECRET_PREVIOUS: 'short' })).toContain('JWT_SECRET_PREVIOUS');
  });

  it('an encryption key that is not random', () => {
    const zeros = `k1:${Buffer.alloc(32).toString('base64')}`;
    expect(refusal({ ...PRODUCTION, ENCRYPTION_KEYS: zeros })).toContain('ENCRYPTION_KEYS');
    expect(read({ ENCRYPTION_KEYS: zeros }).encryptionKeys).toHaveLength(1);
  });

  it('a bcrypt cost that is too cheap', () => {
    expect(refusal({ ...PRODUCTION, BCRYPT_COST: '9' })).toContain('BCRYPT_COST');
    expect(read({ BCRYPT_COST: '4' }).bcryptCost).toBe(4);
  });
});
