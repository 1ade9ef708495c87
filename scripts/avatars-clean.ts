import { createLogger } from '../src/common/logger.js';
import { createAvatarStorage } from '../src/users/avatar-storage.factory.js';
import { findOrphans } from '../src/users/avatar-orphans.js';
import { openDatabase } from './lib/database.js';

const USAGE = `usage: npm run avatars:clean -- [--delete]
  lists stored pictures older than a day that no profile shows; --delete removes them
  The database must be the one the pictures belong to: with another, all of them look unused.`;

async function clean(remove: boolean): Promise<void> {
  const { settings, dataSource, close } = await openDatabase();
  const storage = createAvatarStorage(settings.uploads, createLogger('error', null));
  try {
    const { seen, orphans } = await findOrphans(dataSource, storage, async (name) => {
      if (remove) await storage.remove(name);
      console.log(`${remove ? 'removed' : 'unused'} ${name}`);
    });
    const outcome = remove ? 'removed' : 'can be removed with --delete';
    console.log(
      `${seen} pictures in ${settings.uploads.s3 ? 'the bucket' : settings.uploads.folder}, ${orphans} ${outcome}`,
    );
  } finally {
    await storage.close();
    await close();
  }
}

const args = process.argv.slice(2);
if (args.some((argument) => argument !== '--delete')) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  await clean(args.includes('--delete')).catch((error: Error) => {
    console.error(`avatars:clean: ${error.message}`);
    process.exitCode = 1;
  });
}
