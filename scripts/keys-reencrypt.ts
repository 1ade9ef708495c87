import { FieldCipher } from '../src/crypto/field-cipher.js';
import { reencrypt } from '../src/users/reencryption.js';
import { openDatabase } from './lib/database.js';

// After ENCRYPTION_KEYS got a new first key on every instance. Once this has ended well, the old keys can go.
const { settings, dataSource, close } = await openDatabase();
try {
  const { rows, moved, unreadable } = await reencrypt(
    dataSource,
    new FieldCipher(settings.encryptionKeys),
    (progress) =>
      process.stderr.write(
        `\r${progress.rows} rows, ${progress.moved} values moved, ${progress.unreadable} unreadable`,
      ),
  );
  const key = settings.encryptionKeys[0]!.kid;
  console.log(
    `\n${moved} values of ${rows} rows moved to key ${key}; ${unreadable} could not be opened and stay as they are`,
  );
  process.exitCode = unreadable > 0 ? 1 : 0;
} finally {
  await close();
}
