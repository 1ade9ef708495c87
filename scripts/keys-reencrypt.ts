import { once } from 'node:events';
import { connectRedis } from '../src/redis/connection.js';
import { startNewGeneration } from '../src/cache/redis-entry.js';
import type { Settings } from '../src/config/settings.js';
import { FieldCipher } from '../src/crypto/field-cipher.js';
import { reencrypt } from '../src/users/reencryption.js';
import { readArguments } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase } from './lib/database.js';

/** Milliseconds to wait for Redis. */
const PROGRESS_MS = 5000;

/** Cached profiles hold the ciphertexts of their rows. What a process keeps in its own memory is gone after two seconds. */
async function forgetOldCiphertexts(settings: Settings): Promise<void> {
  const redis = connectRedis(settings);
  if (!redis) return;
  try {
    if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(PROGRESS_MS) });
    await startNewGeneration(redis);
  } catch (error) {
    throw new Error('Redis could not be told that cached profiles are out of date; run this again', { cause: error });
  } finally {
    redis.disconnect();
  }
}

async function run(): Promise<number> {
  const { settings, dataSource, close } = await openDatabase();
  try {
    const cipher = new FieldCipher(settings.encryptionKeys);
    const { rows, moved, unreadable } = await reencrypt(dataSource, cipher, (progress) =>
      process.stderr.write(
        `\r${progress.rows} rows, ${progress.moved} values moved, ${progress.unreadable} unreadable`,
      ),
    );
    // Once, at the end and also where nothing was left to move: a run that was killed has told nobody.
    await forgetOldCiphertexts(settings);
    console.log(
      `\n${moved} values of ${rows} rows moved to key ${cipher.currentKeyId}; ` +
        `${unreadable} could not be opened and stay as they are`,
    );
    return unreadable > 0 ? 1 : 0;
  } finally {
    await close();
  }
}

await runCommand('keys:reencrypt', () => {
  readArguments({
    call: 'npm run keys:reencrypt --',
    does:
      'moves every encrypted value to the first key of ENCRYPTION_KEYS, beside the running service\n' +
      '  Every instance must know that key. Exit code 0: no value needs the old keys; tokens may, see docs/operations.md.',
    options: {},
  });
  return run();
});
