import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { readSettings, Settings } from './settings.js';

type Values = Record<string, string | undefined>;

/** Random secrets of a development machine, made once and kept, so that sessions survive a restart. */
function developmentSecrets(dataDir: string): Values {
  const file = join(dataDir, 'secrets.env');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true });
    // mkdir's mode is subject to the umask; PostgreSQL under another user must be able to pass.
    chmodSync(dataDir, 0o755);
    const lines = [
      `JWT_SECRET=${randomBytes(48).toString('base64')}`,
      `ENCRYPTION_KEYS=dev:${randomBytes(32).toString('base64')}`,
    ];
    // Written aside and renamed: a kill half-way must not leave half a secret.
    writeFileSync(`${file}.${process.pid}`, `${lines.join('\n')}\n`, { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  }
  return parseEnv(readFileSync(file, 'utf8')) as Values;
}

/** An empty variable counts as unset, so it hides nothing. */
function withoutEmpty(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value?.trim()));
}

/**
 * The settings of this process: the environment, then `.env`, then (outside production) secrets made for this machine.
 * @throws SettingsError
 */
export function loadSettings(overrides: Values = {}): Settings {
  const file = existsSync('.env') ? (parseEnv(readFileSync('.env', 'utf8')) as Values) : {};
  const values: Values = { ...file, ...withoutEmpty(process.env), ...overrides };
  const production = values.NODE_ENV?.trim().toLowerCase() === 'production';
  if (production || (values.JWT_SECRET && values.ENCRYPTION_KEYS)) return readSettings(values);
  return readSettings({ ...developmentSecrets(values.DATA_DIR || '.data'), ...withoutEmpty(values) });
}
