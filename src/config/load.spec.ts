import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from './load.js';

const UNSET = { DATABASE_URL: '', JWT_SECRET: '', ENCRYPTION_KEYS: '' };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'settings-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('makes the secrets of a development machine once and keeps them', () => {
  const first = loadSettings({ ...UNSET, NODE_ENV: 'development', DATA_DIR: folder });
  const second = loadSettings({ ...UNSET, NODE_ENV: 'development', DATA_DIR: folder });
  expect(first.jwt.secret).toHaveLength(64);
  expect(second.jwt.secret).toBe(first.jwt.secret);
});

it.each(['production', 'Production', ' PRODUCTION '])('makes no secrets under NODE_ENV=%j', (NODE_ENV) => {
  expect(() => loadSettings({ ...UNSET, NODE_ENV, DATA_DIR: folder })).toThrow('is required');
  expect(existsSync(join(folder, 'secrets.env'))).toBe(false);
});
