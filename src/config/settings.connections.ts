import { readCertificates } from './certificates.js';
import { EnvReader } from './env-reader.js';
import { readPostgresHosts, withHostParameters } from './postgres-hosts.js';
import { readPostgresTls, SSL_MODES, type SslDefaults } from './postgres-tls.js';

const POSTGRES_PROTOCOLS = /^(postgres|postgresql|postgresql\+[a-z0-9_]+):\/\//;

/** Accepts SQLAlchemy's `postgresql+driver://`, which the platform's existing deployments use. */
function readPostgresUrl(env: EnvReader, name: string, ssl: SslDefaults): string | null {
  const given = env.text(name);
  if (given === undefined) return null;
  const value = withHostParameters(given.replace(POSTGRES_PROTOCOLS, 'postgresql://'));
  if (!POSTGRES_PROTOCOLS.test(value) || !URL.canParse(value)) {
    env.notUrl(name, given, ['postgresql:', 'postgres:']);
    return null;
  }
  if (!env.hasValidCredentials(name, value)) return null;
  env.attempt(() => readPostgresHosts(name, value));
  env.attempt(() => readPostgresTls(name, value, ssl));
  return value;
}

function readCa(env: EnvReader, name: string): string | null {
  const value = env.text(name);
  return (value && env.attempt(() => readCertificates(name, value))) ?? null;
}

/** A role that the service connects as and that owns no tables. */
export interface RuntimeRole {
  name: string;
  password: string;
}

/** The roles in the service's URLs that do not own the tables, usually one. */
function readRuntimeRoles(env: EnvReader, ownerUrl: string, urls: (string | null)[]): RuntimeRole[] {
  const [owner, ...roles] = [ownerUrl, ...urls].map((address) => {
    const { username, password } = new URL(address!);
    return { name: decodeURIComponent(username), password: decodeURIComponent(password) };
  });
  if ([owner!, ...roles].some(({ name }) => name === ''))
    env.fault('DATABASE_OWNER_URL needs the name of a role, and so does DATABASE_URL beside it');
  const named = new Map(roles.map((role) => [role.name, role]));
  return [...named.values()].filter(({ name }) => name !== owner!.name);
}

export function readDatabase(env: EnvReader, production: boolean) {
  const ssl = { mode: env.oneOf('DATABASE_SSL_MODE', SSL_MODES, 'prefer'), ca: readCa(env, 'DATABASE_SSL_CA') };
  const url = readPostgresUrl(env, 'DATABASE_URL', ssl);
  if (production && env.text('DATABASE_URL') === undefined)
    env.fault('DATABASE_URL is required when NODE_ENV is production');
  const ownerUrl = readPostgresUrl(env, 'DATABASE_OWNER_URL', ssl);
  if (ownerUrl && env.text('DATABASE_URL') === undefined)
    env.fault('DATABASE_OWNER_URL needs DATABASE_URL too, for the service itself');
  const directUrl = readPostgresUrl(env, 'DATABASE_DIRECT_URL', ssl) ?? url;
  return {
    /** null: the service starts an embedded PostgreSQL. */
    url,
    /** Connects past a pooler as the owner of the tables, for migrations and commands; null: `directUrl` does. */
    ownerUrl,
    /** Migrations grant them their privileges; empty if one role does everything. */
    runtimeRoles: ownerUrl && url ? readRuntimeRoles(env, ownerUrl, [url, directUrl]) : [],
    /** True once the embedded server runs. */
    embedded: false,
    /** For migrations, LISTEN and advisory locks, which need session state: a pooler in transaction mode breaks them. */
    directUrl,
    replicaUrl: readPostgresUrl(env, 'DATABASE_REPLICA_URL', ssl),
    ssl,
    preparedStatements: env.flag('DATABASE_PREPARED_STATEMENTS', true),
    poolSize: env.number('DATABASE_POOL_SIZE', 10, 2, 200),
    statementTimeoutMs: env.number('DATABASE_STATEMENT_TIMEOUT_MS', 5000, 100, 60_000),
  };
}

function readAddresses(env: EnvReader, name: string) {
  return env.list(name).map((entry) => {
    const [, host = '', digits] = /^([^:\s]+):(\d{1,5})$/.exec(entry) ?? [];
    const port = Number(digits);
    if (!(port >= 1 && port <= 65_535)) env.fault(`${name} must be a list of host:port`);
    return { host, port };
  });
}

export function readRedis(env: EnvReader) {
  const sentinels = readAddresses(env, 'REDIS_SENTINELS');
  const url = env.url('REDIS_URL', ['redis:', 'rediss:']) ?? null;
  if (sentinels.length > 0 && !url)
    env.fault('REDIS_SENTINELS needs REDIS_URL too, for the password and the database number');
  // The driver would use database 0 instead, which may hold another application's keys.
  if (url && !/^\/?\d*$/.test(new URL(url).pathname))
    env.fault('REDIS_URL must have a database number behind its "/", or nothing');
  const ca = readCa(env, 'REDIS_SSL_CA');
  // Otherwise the connection would silently stay unencrypted.
  if (ca && !url?.startsWith('rediss:')) env.fault('REDIS_SSL_CA needs a REDIS_URL with rediss://');
  return { url, ca, sentinels, sentinelName: env.text('REDIS_SENTINEL_NAME') ?? 'mymaster' };
}

const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

export function readTopicName(env: EnvReader, name: string, fallback: string): string {
  const topic = env.text(name) ?? fallback;
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic))
    env.fault(`${name} must be 1 to 249 of letters, digits, ".", "_" and "-"`);
  return topic;
}

export function readKafka(env: EnvReader) {
  const brokers = readAddresses(env, 'KAFKA_BOOTSTRAP_SERVERS').map(({ host, port }) => `${host}:${port}`);
  const topic = readTopicName(env, 'KAFKA_USER_TOPIC', 'user.events');
  const securityTopic = readTopicName(env, 'KAFKA_SECURITY_TOPIC', 'user.security');
  if (topic === securityTopic) env.fault('KAFKA_SECURITY_TOPIC must be another topic than KAFKA_USER_TOPIC');
  const protocol = env.oneOf(
    'KAFKA_SECURITY_PROTOCOL',
    ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const,
    'PLAINTEXT',
  );
  const mechanism = env.oneOf('KAFKA_SASL_MECHANISM', SASL_MECHANISMS, 'PLAIN');
  const username = env.text('KAFKA_SASL_USERNAME');
  const password = env.text('KAFKA_SASL_PASSWORD');
  if (protocol.startsWith('SASL') && (!username || !password))
    env.fault(`KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are required with ${protocol}`);
  const topicReplication = env.number('KAFKA_TOPIC_REPLICATION', -1, -1, 100);
  if (topicReplication === 0) env.fault('KAFKA_TOPIC_REPLICATION must be -1 or a number of replicas, not 0');
  const ca = readCa(env, 'KAFKA_SSL_CA');
  if (ca && !protocol.endsWith('SSL')) env.fault('KAFKA_SSL_CA needs a KAFKA_SECURITY_PROTOCOL of SSL or SASL_SSL');
  return {
    /** Empty: events stay in the outbox. */
    brokers,
    topic,
    securityTopic,
    /** Used if the service creates the topic; -1 replicas means the broker's default. */
    topicPartitions: env.number('KAFKA_TOPIC_PARTITIONS', 6, 1, 10_000),
    topicReplication,
    ssl: protocol.endsWith('SSL'),
    /** PEM certificates of the authority; null: the public ones. */
    ca,
    sasl: protocol.startsWith('SASL') ? { mechanism, username: username!, password: password! } : null,
  };
}
