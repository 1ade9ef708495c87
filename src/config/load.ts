import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { readSettings, Settings } from './settings.js';
import { oldNamesWarning, readEnvFile, readSecretFiles, type Values } from './variables.js';

/** Never overwrites: concurrent first starts must use the same secrets. */
function moveIfAbsent(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    // The target exists, or the file system has no hard links.
    if (!existsSync(target)) copyFileSync(source, target);
  }
  rmSync(source);
}

/** Random secrets for development, created once and kept, so that sessions survive a restart. */
function developmentSecrets(dataDir: string): Values {
  const file = join(dataDir, 'secrets.env');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true });
    // mkdir's mode is subject to the umask, and PostgreSQL may run as another user.
    chmodSync(dataDir, 0o755);
    const lines = [
      `JWT_SECRET=${randomBytes(48).toString('base64')}`,
      `ENCRYPTION_KEYS=dev:${randomBytes(32).toString('base64')}`,
    ];
    // Atomic: a kill half-way must not leave half a secret.
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, `${lines.join('\n')}\n`, { mode: 0o600 });
    moveIfAbsent(temporary, file);
  }
  return parseEnv(readFileSync(file, 'utf8')) as Values;
}

function withoutEmpty(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value?.trim()));
}

/**
 * Reads the settings from the environment, then `.env`, then the files of secrets, then (outside production) generated secrets.
 * An empty variable in the environment counts as unset and hides the one in `.env`.
 * @throws SettingsError
 */
export function loadSettings(overrides: Values = {}): Settings {
  const faults: string[] = [];
  const given: Values = { ...readEnvFile(faults), ...process.env, ...overrides };
  const values = { ...given, ...readSecretFiles(given, faults) };
  const production = values.NODE_ENV?.trim().toLowerCase() === 'production';
  const settings =
    production || (values.JWT_SECRET && values.ENCRYPTION_KEYS)
      ? readSettings(values, faults)
      : readSettings({ ...developmentSecrets(values.DATA_DIR || '.data'), ...withoutEmpty(values) }, faults);
  return { ...settings, warnings: [...settings.warnings, ...oldNamesWarning(values)] };
}
