import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

export type Values = Record<string, string | undefined>;

/** Each may come from the file that `<NAME>_FILE` names. */
export const SECRETS = [
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_OWNER_URL',
  'DATABASE_REPLICA_URL',
  'REDIS_URL',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
  'JWT_SECRET',
  'JWT_SECRET_PREVIOUS',
  'JWT_PRIVATE_KEYS',
  'ENCRYPTION_KEYS',
  'OAUTH_GOOGLE_CLIENT_SECRET',
  'OAUTH_LINKEDIN_CLIENT_SECRET',
  'SMTP_URL',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'AUDIT_WITNESS_KEY',
];

/** Variables of the Flask service that this one replaces, and what is read instead. */
const OLD_NAMES: Record<string, string> = {
  FLASK_ENV: 'NODE_ENV',
  SECRET_KEY: 'JWT_SECRET',
  JWT_SECRET_KEY: 'JWT_SECRET',
  JWT_TTL_MIN: 'JWT_EXPIRATION_MINUTES',
  SQLALCHEMY_DATABASE_URI: 'DATABASE_URL',
  GOOGLE_CLIENT_ID: 'OAUTH_GOOGLE_CLIENT_ID',
  GOOGLE_CLIENT_SECRET: 'OAUTH_GOOGLE_CLIENT_SECRET',
  GOOGLE_REDIRECT_URI: 'OAUTH_GOOGLE_REDIRECT_URI',
  LINKEDIN_CLIENT_ID: 'OAUTH_LINKEDIN_CLIENT_ID',
  LINKEDIN_CLIENT_SECRET: 'OAUTH_LINKEDIN_CLIENT_SECRET',
  LINKEDIN_REDIRECT_URI: 'OAUTH_LINKEDIN_REDIRECT_URI',
  ALLOWED_REDIRECTS: 'OAUTH_REDIRECT_ALLOWLIST',
  KAFKA_BROKER: 'KAFKA_BOOTSTRAP_SERVERS',
  KAFKA_BROKERS: 'KAFKA_BOOTSTRAP_SERVERS',
};

/** One assignment of `.env`; a quoted value may contain line breaks. */
const ASSIGNMENT =
  /^[ \t]*(?:export[ \t]+)?[A-Za-z_][\w.]*[ \t]*=[ \t]*(?:(?:'[^']*'|"[^"]*"|`[^`]*`)[ \t]*(?:#.*)?|(?!['"`]).*)$/gm;

/** The variables of the file that `ENV_FILE` names; by default of `.env`, if it exists. */
export function readEnvFile(faults: string[]): Values {
  const named = process.env.ENV_FILE?.trim();
  const file = named ?? '.env';
  if (named === '' || (named === undefined && !existsSync(file))) return {};
  const text = readText('ENV_FILE', file, faults)
    // Windows editors begin a file with a byte order mark.
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
  const rest = text.replace(ASSIGNMENT, (lines) => lines.replaceAll(/[^\n]/g, ''));
  // Only the number: the line may hold a secret.
  for (const [index, line] of rest.split('\n').entries())
    if (/^\s*[^#\s]/.test(line)) faults.push(`${file} has no NAME=value in line ${index + 1}`);
  // libuv reads this variable itself, from the environment only.
  return { ...(parseEnv(text) as Values), UV_THREADPOOL_SIZE: undefined };
}

/** The secrets whose `<NAME>_FILE` is set, without the line break at the end of the file. */
export function readSecretFiles(values: Values, faults: string[]): Values {
  const read: Values = {};
  for (const name of SECRETS) {
    const file = values[`${name}_FILE`]?.trim();
    if (!file) continue;
    const known = faults.length;
    if (values[name]?.trim()) faults.push(`${name} and ${name}_FILE must not both be set`);
    else read[name] = readText(`${name}_FILE`, file, faults).replace(/\r?\n$/, '');
    if (faults.length === known && read[name]?.trim() === '') faults.push(`${name}_FILE names an empty file`);
  }
  return read;
}

function readText(name: string, file: string, faults: string[]): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`${name} must name a file that can be read (${(error as Error).message})`);
    return '';
  }
}

/** One line that names the variables of the old service among them; empty if there are none. */
export function oldNamesWarning(values: Values): string[] {
  const found = Object.keys(OLD_NAMES).filter((name) => values[name]?.trim());
  if (found.length === 0) return [];
  return [`not read any more: ${found.map((name) => `${name} (now ${OLD_NAMES[name]})`).join(', ')}`];
}
