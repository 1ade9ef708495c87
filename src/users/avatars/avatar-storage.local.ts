import { access, constants, FileHandle, mkdir, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../common/logging/logger.js';
import { AvatarStorage, isAvatarName, OpenedAvatar, StoredAvatar } from './avatar-storage.js';

const TEMPORARY = /^\.[0-9a-f]{32}\.webp\.tmp$/;

const isAbsent = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Pictures as files of one folder. Several instances need a folder they share. */
export class LocalAvatarStorage extends AvatarStorage {
  constructor(
    private readonly folder: string,
    logger: Logger,
  ) {
    super(logger);
  }

  put(name: string, bytes: Buffer): Promise<void> {
    return this.attempt(async () => {
      await mkdir(this.folder, { recursive: true });
      // Written aside and renamed: a crash leaves no half picture, and a full disk is found out before anything points here.
      const aside = path.join(this.folder, `.${name}.tmp`);
      try {
        await withFile(aside, 'wx', async (file) => {
          await file.writeFile(bytes);
          await file.sync();
        });
        await rename(aside, path.join(this.folder, name));
      } catch (error) {
        await unlink(aside).catch(() => undefined);
        throw error;
      }
      await withFile(this.folder, 'r', (folder) => folder.sync());
    });
  }

  open(name: string): Promise<OpenedAvatar | null> {
    return this.attempt(async () => {
      const file = await open(path.join(this.folder, name)).catch(absentAs(null));
      if (!file) return null;
      const { size } = await file.stat();
      return { content: file.createReadStream(), size };
    });
  }

  remove(name: string): Promise<void> {
    return this.attempt(() => unlink(path.join(this.folder, name)).catch(absentAs(undefined)));
  }

  /** A folder that is made at need is as good as the one that it will be made in. */
  async probe(): Promise<void> {
    try {
      for (let folder = path.resolve(this.folder); ; folder = path.dirname(folder)) {
        const found = await stat(folder).catch(absentAs(null));
        if (!found) continue;
        if (!found.isDirectory()) throw new Error('not a folder');
        return await access(folder, constants.W_OK | constants.X_OK);
      }
    } catch (error) {
      throw new Error(`UPLOAD_FOLDER (${this.folder}) cannot be written to`, { cause: error });
    }
  }

  async *list(): AsyncIterable<StoredAvatar> {
    const folder = await opendir(this.folder).catch(absentAs(null));
    if (!folder) return;
    for await (const { name } of folder) {
      if (!isAvatarName(name) && !TEMPORARY.test(name)) continue;
      const found = await stat(path.join(this.folder, name)).catch(absentAs(null));
      if (found) yield { name, modifiedAt: found.mtime };
    }
  }
}

const absentAs =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isAbsent(error)) return value;
    throw error;
  };

async function withFile(name: string, flags: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(name, flags);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
