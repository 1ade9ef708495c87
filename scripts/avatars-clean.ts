import { flag, readArguments, yes } from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase } from './lib/database.js';

const COMMAND = {
  call: 'npm run avatars:clean --',
  does:
    'lists stored pictures older than a day that no profile shows\n' +
    '  The database must be the one the pictures belong to: with another, all of them look unused.',
  options: { delete: flag('deletes them'), yes },
};

async function clean(remove: boolean): Promise<void> {
  const { settings, dataSource, close } = await openDatabase();
  const { createLogger } = await import('../src/common/logging/logger.js');
  const { createAvatarStorage } = await import('../src/users/avatars/avatar-storage.factory.js');
  const { findOrphans } = await import('../src/users/avatars/avatar-orphans.js');
  const storage = createAvatarStorage(settings.uploads, createLogger('error', null));
  try {
    const { seen, orphans } = await findOrphans(dataSource, storage, async (name) => {
      if (remove) await storage.remove(name);
      console.log(`${remove ? 'removed' : 'unused'} ${name}`);
    });
    const outcome = remove ? 'removed' : 'can be removed with --delete --yes';
    console.log(
      `${seen} pictures in ${settings.uploads.s3 ? 'the bucket' : settings.uploads.folder}, ${orphans} ${outcome}`,
    );
  } finally {
    await storage.close();
    await close();
  }
}

await runCommand('avatars:clean', async () => {
  const values = readArguments(COMMAND);
  if (values.delete)
    await confirm(
      values.yes,
      'This deletes stored pictures that no profile in the database shows.',
      configuredDatabase,
    );
  await clean(values.delete);
});
