import fs, { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from './load.js';

const UNSET = { DATABASE_URL: '', JWT_SECRET: '', ENCRYPTION_KEYS: '' };
const environment = process.env;
const here = process.cwd();
let folder: string;

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
