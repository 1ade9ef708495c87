import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs, { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from './load.js';
import { SECRETS } from './variables.js';

const UNSET = { DATABASE_URL: '', JWT_SECRET: '', ENCRYPTION_KEYS: '' };
const environment = process.env;
const here = process.cwd();
let folder: string;

/** The lines of the refusal. */
function faults(): string[] {
  try {
    loadSettings();
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'settings-'));
  process.chdir(folder);
  process.env = { JWT_SECRET: 'x', ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString('base64')}` };
});
afterEach(() => {
  process.env = environment;
  process.chdir(here);
  rmSync(folder, { recursive: true });
});

it('creates development secrets once and keeps them', () => {
  const first = loadSettings({ ...UNSET, NODE_ENV: 'development', DATA_DIR: folder });
  const second = loadSettings({ ...UNSET, NODE_ENV: 'development', DATA_DIR: folder });
  expect(first.jwt.secret).toHaveLength(64);
  expect(second.jwt.secret).toBe(first.jwt.secret);
});

it('uses the secrets of a concurrent first start', () => {
  const others = 'JWT_SECRET=of-the-other\n';
  const values = { ...UNSET, ENCRYPTION_KEYS: process.env.ENCRYPTION_KEYS, NODE_ENV: 'development', DATA_DIR: folder };
  // Between the check for the file and its creation.
  const chmod = jest
    .spyOn(fs, 'chmodSync')
    .mockImplementationOnce(() => writeFileSync(join(folder, 'secrets.env'), others));
  expect(loadSettings(values).jwt.secret).toBe('of-the-other');
  chmod.mockRestore();
});

it.each(['production', 'Production', ' PRODUCTION '])('creates no secrets under NODE_ENV=%j', (NODE_ENV) => {
  expect(() => loadSettings({ ...UNSET, NODE_ENV, DATA_DIR: folder })).toThrow('is required');
  expect(existsSync(join(folder, 'secrets.env'))).toBe(false);
});

describe('.env', () => {
  beforeEach(() => writeFileSync('.env', 'KAFKA_USER_TOPIC=of.the.file\nDATABASE_URL=postgres://file/own\n'));

  it('supplies what the environment lacks', () => {
    expect(loadSettings()).toMatchObject({
      kafka: { topic: 'of.the.file' },
      database: { url: 'postgresql://file/own' },
    });
  });

  it('is overridden by the environment, even by an empty variable', () => {
    Object.assign(process.env, { KAFKA_USER_TOPIC: 'of.the.environment', DATABASE_URL: '' });
    const { kafka, database } = loadSettings();
    expect(kafka.topic).toBe('of.the.environment');
    expect(database).toMatchObject({ url: null, directUrl: null });
  });

  it('is not read if ENV_FILE is empty', () => {
    process.env.ENV_FILE = '';
    expect(loadSettings()).toMatchObject({ kafka: { topic: 'user.events' }, database: { url: null } });
  });

  it('can be another file, named by ENV_FILE, which must exist', () => {
    process.env.ENV_FILE = 'other.env';
    expect(() => loadSettings()).toThrow(/^ENV_FILE .*other\.env/);
    writeFileSync('other.env', 'KAFKA_USER_TOPIC=of.the.other');
    expect(loadSettings()).toMatchObject({ kafka: { topic: 'of.the.other' }, database: { url: null } });
  });

  it('cannot set UV_THREADPOOL_SIZE, which libuv reads from the environment', () => {
    writeFileSync('.env', 'UV_THREADPOOL_SIZE=64');
    expect(loadSettings().threadPoolSize).toBe(4);
    process.env.UV_THREADPOOL_SIZE = '16';
    expect(loadSettings().threadPoolSize).toBe(16);
  });
});

it('reads a byte order mark and quoted line breaks, and refuses lines that assign nothing', () => {
  writeFileSync('.env', '\uFEFFKAFKA_USER_TOPIC=of.the.file # a comment\r\n# A_COMMENT\r\nGIT_COMMIT="two\nlines"\n');
  expect(loadSettings().kafka.topic).toBe('of.the.file');
  writeFileSync('.env', 'KAFKA_USER_TOPIC=a\nhunter2\nMAIL_DIR="open\n\nexport LOG_LEVEL=info\nAPP PORT=1\n');
  expect(faults()).toEqual([2, 3, 6].map((line) => `.env has no NAME=value in line ${line}`));
});

it('names all faults at once, a line for each', () => {
  Object.assign(process.env, {
    NODE_ENV: 'production',
    APP_PORT: 'x',
    PUBLIC_BASE_URL: 'nowhere',
    JWT_SECRET: 'short',
    DATABASE_URL: 'postgres://u:100%@db/x',
    KAFKA_BOOTSTRAP_SERVERS: 'k',
    KAFKA_TOPIC_REPLICATION: '0',
  });
  const names = faults().map((line) => line.split(' ')[0]);
  const expected = [
    'APP_PORT',
    'PUBLIC_BASE_URL',
    'JWT_SECRET',
    'DATABASE_URL',
    'ENCRYPTION_KEYS',
    'KAFKA_BOOTSTRAP_SERVERS',
    'KAFKA_TOPIC_REPLICATION',
  ];
  expect(names.toSorted()).toEqual(expected.toSorted());
});

describe('a secret in a file', () => {
  beforeEach(() => writeFileSync('secret', 'from the file\n'));

  it.each(SECRETS)('%s is read, without the line break at the end', (name) => {
    const valid: Record<string, string> = {
      ENCRYPTION_KEYS: process.env.ENCRYPTION_KEYS!,
      JWT_PRIVATE_KEYS: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        type: 'sec1',
        format: 'pem',
      }) as string,
      REDIS_URL: 'redis://cache',
      SMTP_URL: 'smtp://mail',
      AUDIT_WITNESS_KEY: randomBytes(32).toString('base64'),
    };
    const value = valid[name] ?? (name.startsWith('DATABASE') ? 'postgresql://u:p@db/x' : 'from the file');
    writeFileSync('secret', `${value}\n`);
    Object.assign(process.env, {
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'p',
      KAFKA_BOOTSTRAP_SERVERS: 'k:1',
      S3_BUCKET: 'b',
      S3_ACCESS_KEY_ID: 'i',
      S3_SECRET_ACCESS_KEY: 's',
      OAUTH_GOOGLE_CLIENT_ID: 'i',
      OAUTH_GOOGLE_CLIENT_SECRET: 's',
      OAUTH_LINKEDIN_CLIENT_ID: 'i',
      OAUTH_LINKEDIN_CLIENT_SECRET: 's',
      DATABASE_URL: 'postgresql://o:p@db/x',
      [name]: value,
    });
    const expected = loadSettings();
    Object.assign(process.env, { [name]: '', [`${name}_FILE`]: 'secret' });
    expect(loadSettings()).toEqual(expected);
  });

  it('is refused beside the variable itself', () => {
    process.env.JWT_SECRET_FILE = 'secret';
    expect(faults()).toEqual(['JWT_SECRET and JWT_SECRET_FILE must not both be set']);
  });

  it('is one fault if it is empty', () => {
    writeFileSync('empty', '\n');
    Object.assign(process.env, { JWT_SECRET: '', JWT_SECRET_FILE: 'empty', NODE_ENV: 'production' });
    expect(faults().filter((line) => line.startsWith('JWT_SECRET'))).toEqual(['JWT_SECRET_FILE names an empty file']);
  });

  it('is one fault if it cannot be read', () => {
    Object.assign(process.env, { JWT_SECRET: '', JWT_SECRET_FILE: 'missing', NODE_ENV: 'production' });
    expect(faults().filter((line) => line.startsWith('JWT_SECRET'))).toEqual([
      expect.stringMatching(/^JWT_SECRET_FILE must name a file that can be read \(ENOENT/),
    ]);
  });
});

it('warns once of names of the old service, and of what production rarely wants', () => {
  Object.assign(process.env, { GOOGLE_CLIENT_ID: 'x', JWT_TTL_MIN: '5', FLASK_ENV: '' });
  const old =
    'not read any more: JWT_TTL_MIN (now JWT_EXPIRATION_MINUTES), GOOGLE_CLIENT_ID (now OAUTH_GOOGLE_CLIENT_ID)';
  expect(loadSettings().warnings).toEqual([old]);
  Object.assign(process.env, {
    NODE_ENV: 'production',
    PUBLIC_BASE_URL: 'https://a.example',
    DATABASE_URL: 'postgres://db/x',
    JWT_SECRET: randomBytes(48).toString('base64'),
    ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  });
  process.env.CORS_ORIGINS = '*';
  const words = loadSettings().warnings.map((line) => line.split(/[ =]/)[0]);
  expect(words).toEqual(['REDIS_URL', 'KAFKA_BOOTSTRAP_SERVERS', 'CORS_ORIGINS', 'not']);
});
