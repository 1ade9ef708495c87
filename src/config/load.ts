import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { readSettings, Settings, SettingsError } from './settings.js';

type Values = Record<string, string | undefined>;

/** Of two first starts at once one is the first: with secrets that the other wrote over it could not read its own data later. */
function moveUnlessThere(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    // There already, or on a file system without links.
    if (!existsSync(target)) copyFileSync(source, target);
  }
  rmSync(source);
}

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
    // Written aside and put in its place whole: a kill half-way must not leave half a secret.
    const aside = `${file}.${process.pid}`;
    writeFileSync(aside, `${lines.join('\n')}\n`, { mode: 0o600 });
    moveUnlessThere(aside, file);
  }
  return parseEnv(readFileSync(file, 'utf8')) as Values;
}

/** What the file says that `ENV_FILE` names; without that variable `.env`, where there is one. */
function fileValues(): Values {
  const named = process.env.ENV_FILE?.trim();
  const file = named ?? '.env';
  if (named === '' || (named === undefined && !existsSync(file))) return {};
  try {
    // libuv reads this one itself, from the environment only.
    return { ...(parseEnv(readFileSync(file, 'utf8')) as Values), UV_THREADPOOL_SIZE: undefined };
  } catch (error) {
    throw new SettingsError(`ENV_FILE must name a file that can be read (${(error as Error).message})`);
  }
}

function withoutEmpty(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value?.trim()));
}

/**
 * The settings of this process: the environment, then `.env`, then (outside production) secrets made for this machine. A
 * variable that is set to nothing in the environment is unset, whatever the file says.
 * @throws SettingsError
 */
export function loadSettings(overrides: Values = {}): Settings {
  const values: Values = { ...fileValues(), ...process.env, ...overrides };
  const production = values.NODE_ENV?.trim().toLowerCase() === 'production';
  if (production || (values.JWT_SECRET && values.ENCRYPTION_KEYS)) return readSettings(values);
  return readSettings({ ...developmentSecrets(values.DATA_DIR || '.data'), ...withoutEmpty(values) });
}
