import { once } from 'node:events';
import { GENERATION_KEY } from '../src/cache/redis-entry.js';
import type { Settings } from '../src/config/settings.js';
import { FieldCipher } from '../src/crypto/field-cipher.js';
import { readArguments } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase } from './lib/database.js';

const MAX_REDIS_WAIT_MS = 5000;

/** Invalidates cached profiles, which hold the ciphertexts of their rows. Entries in a process's memory expire after two seconds. */
async function invalidateCachedProfiles(settings: Settings): Promise<void> {
  const { connectRedis } = await import('../src/redis/connection.js');
  const redis = connectRedis(settings);
  if (!redis) return;
  try {
    if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(MAX_REDIS_WAIT_MS) });
    await redis.del(GENERATION_KEY);
  } catch (error) {
    throw new Error('Redis did not invalidate the cached profiles; run this again', { cause: error });
  } finally {
    redis.disconnect();
  }
}

async function run(): Promise<number> {
  const { settings, dataSource, close } = await openDatabase();
  const { reencrypt } = await import('../src/crypto/reencryption.js');
  const { encryptedColumns } = await import('../src/encrypted-columns.js');
  try {
    const cipher = new FieldCipher(settings.encryptionKeys);
    const { rows, moved, unreadable } = await reencrypt(dataSource, cipher, encryptedColumns, (progress) =>
      process.stderr.write(
        `\r${progress.rows} rows, ${progress.moved} values moved, ${progress.unreadable} unreadable`,
      ),
    );
    // Even where nothing was left to move: an earlier run may have been killed before this line.
    await invalidateCachedProfiles(settings);
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
      're-encrypts every value with the first key of ENCRYPTION_KEYS, while the service runs\n' +
      '  Every instance must know that key. Exit code 0: no value needs the old keys; tokens may, see docs/operations.md.',
    options: {},
  });
  return run();
});
