import { isKnownSpelling } from '../common/dto/email-address.js';
import { EnvReader, SettingsError } from './env-reader.js';
import { readAuditWitness, readUploads } from './settings.storage.js';
import {
  readOrigins,
  readPort,
  readMetricsPort,
  readTracing,
  readPublicBaseUrl,
  readLogging,
} from './settings.server.js';
import { readDatabase, readKafka, readRedis } from './settings.connections.js';
import { readWorkers } from './settings.workers.js';
import { readEncryptionKeys, readJwt, readOAuth, readWebAuthn } from './settings.auth.js';

export { SettingsError };

/** Failed attempts or requests allowed per window; names follow the variables `RATE_LIMIT_*`. */
export type RateLimitSettings = ReturnType<typeof readRateLimits>;

function readRateLimits(env: EnvReader) {
  const count = (name: string, fallback: number) => env.number(`RATE_LIMIT_${name}`, fallback, 1, 1_000_000_000);
  return {
    enabled: env.flag('RATE_LIMIT_ENABLED', true),
    /** Length of the sign-in windows and of a lock, seconds. */
    loginWindowSeconds: count('LOGIN_WINDOW_SECONDS', 900),
    loginPairFailures: count('LOGIN_PAIR', 10),
    loginAddressFailures: count('LOGIN_ADDRESS', 100),
    loginIpFailures: count('LOGIN_IP', 300),
    /** Successful sign-ins per account, client and hour. */
    signIns: count('SIGN_INS', 60),
    /** Per user and minute. */
    writes: count('WRITES', 120),
    /** Requests per service and minute. */
    services: count('SERVICE', 6000),
    /** Per client IP and hour. */
    registerPerIp: count('REGISTER_IP', 1000),
    forgotPerIp: count('FORGOT_IP', 1000),
    /** Mails (reset, verification) per address and hour. */
    mailPerAddress: count('MAIL_ADDRESS', 5),
    /** Invalid tokens (reset, verification, exchange) per client IP and minute. */
    tokenPerIp: count('TOKEN_IP', 120),
    /** Sign-ins started at a provider per client IP and minute. */
    oauthPerIp: count('OAUTH_IP', 120),
    /** Sign-ins and sign-ups started with a passkey per client IP and minute. */
    webauthnPerIp: count('WEBAUTHN_IP', 600),
  };
}

function readMail(env: EnvReader, dataDir: string) {
  const from = env.text('MAIL_FROM') ?? 'Meetinity <no-reply@meetinity.local>';
  if (!/^([^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$/.test(from))
    env.fault('MAIL_FROM must be an e-mail address, or a name and an address in angle brackets');
  return {
    smtpUrl: env.url('SMTP_URL', ['smtp:', 'smtps:']) ?? null,
    from,
    directory: env.text('MAIL_DIR') ?? `${dataDir}/mail`,
  };
}

function readAddress(env: EnvReader, name: string): string | null {
  const address = env.text(name);
  if (address !== undefined && !isKnownSpelling(address)) env.fault(`${name} must be an e-mail address`);
  return address ?? null;
}

/**
 * Every setting of the service, read and checked once at start.
 * @param faults found before
 * @throws SettingsError with a line for each invalid variable
 */
export function readSettings(values: Record<string, string | undefined>, faults: string[] = []) {
  const env = new EnvReader(values, [...faults]);
  const settings = readAll(env);
  if (env.faults.length > 0) throw new SettingsError(env.faults.join('\n'));
  return { ...settings, warnings: productionWarnings(settings) };
}

/** One line for each choice that rarely is one. */
function productionWarnings({ production, redis, kafka, corsOrigins }: ReturnType<typeof readAll>): string[] {
  if (!production) return [];
  return [
    redis.url ? '' : 'REDIS_URL is not set: nothing is cached, and each process counts rate limits by itself',
    kafka.brokers.length > 0 ? '' : 'KAFKA_BOOTSTRAP_SERVERS is not set: events stay in the database',
    corsOrigins.includes('*') ? 'CORS_ORIGINS=* lets every web site call the service with the tokens it has' : '',
  ].filter(Boolean);
}

function readAll(env: EnvReader) {
  const environment = env.oneOf('NODE_ENV', ['development', 'test', 'production'], 'development');
  const production = environment === 'production';
  const dataDir = env.text('DATA_DIR') ?? '.data';
  const port = readPort(env);
  const publicBaseUrl = readPublicBaseUrl(env, production, port);
  const appPublicUrl = env.baseUrl('APP_PUBLIC_URL') ?? null;
  const kafka = readKafka(env);
  return {
    environment,
    production,
    port,
    host: env.text('APP_HOST') ?? (production ? '0.0.0.0' : '127.0.0.1'),
    dataDir,
    publicBaseUrl,
    /** The front end that mail links open; null means the small pages of the service itself. */
    appPublicUrl,
    /** Proxies in front of the service that append to `X-Forwarded-For`; 0 ignores the header. */
    trustProxyHops: env.number('TRUST_PROXY_HOPS', 0, 0, 10),
    /** Time for the headers of a request to arrive, and again for its body. */
    requestTimeoutSeconds: env.number('REQUEST_TIMEOUT_SECONDS', 30, 1, 120),
    corsOrigins: readOrigins(env),
    /** Of the sources that the image was built from. */
    commit: env.text('GIT_COMMIT') ?? 'unknown',
    metricsEnabled: env.flag('METRICS_ENABLED', true),
    /** Null: `/metrics` is on the port of the API. */
    metricsPort: readMetricsPort(env, port),
    tracing: readTracing(env),
    /** Serves `/docs` and `/docs-json`. */
    docsEnabled: env.flag('DOCS_ENABLED', !production),
    /** Enables the routes of the platform's existing apps. */
    compatEnabled: env.flag('COMPAT_ENABLED', true),
    /** From failing readiness to closing the port, so that load balancers notice. */
    shutdownDelaySeconds: env.number('SHUTDOWN_DELAY_SECONDS', production ? 3 : 0, 0, 10),
    /** For which a start retries a database that refuses connections or cannot be resolved. */
    startTimeoutSeconds: env.number('START_TIMEOUT_SECONDS', 30, 0, 600),
    migrateOnStart: env.flag('MIGRATE_ON_START', true),
    /** Administrators without a second factor change nothing. */
    adminRequireMfa: env.flag('ADMIN_REQUIRE_MFA', false),
    adminBootstrapEmail: readAddress(env, 'ADMIN_BOOTSTRAP_EMAIL'),
    /** Wrong passwords of an account in a row; 0 for no limit. */
    passwordMaxFailures: env.number('PASSWORD_MAX_FAILURES', 100, 0, 1_000_000),
    requireEmailVerification: env.flag('REQUIRE_EMAIL_VERIFICATION', false),
    /** Of new hashes; a sign-in replaces a hash of the other kind. */
    passwordHash: env.oneOf('PASSWORD_HASH', ['bcrypt', 'argon2id'], 'bcrypt'),
    /** log2 of bcrypt's rounds. */
    bcryptCost: env.number('BCRYPT_COST', 12, production ? 10 : 4, 15),
    /** Size of libuv's pool for hashing, files and DNS; libuv reads the variable itself, before `.env`. */
    threadPoolSize: env.number('UV_THREADPOOL_SIZE', 4, 1, 1024),
    encryptionKeys: readEncryptionKeys(env, production),
    outboxRetentionDays: env.number('OUTBOX_RETENTION_DAYS', 7, 1, 3650),
    logging: readLogging(env),
    database: readDatabase(env, production),
    redis: readRedis(env),
    workers: readWorkers(env),
    kafka,
    /** `aud` of security events. */
    securityEventAudience: env.text('SECURITY_EVENT_AUDIENCE') ?? 'meetinity',
    jwt: readJwt(env, production),
    oauth: readOAuth(env, publicBaseUrl),
    webauthn: readWebAuthn(env, appPublicUrl ?? publicBaseUrl),
    uploads: readUploads(env),
    witness: readAuditWitness(env, dataDir, publicBaseUrl, [kafka.topic, kafka.securityTopic]),
    mail: readMail(env, dataDir),
    rateLimits: readRateLimits(env),
  };
}

type SettingsShape = ReturnType<typeof readSettings>;

/** The type and the injection token of the checked settings. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export abstract class Settings {}
export interface Settings extends SettingsShape {}
