import { access, constants, mkdir, open, opendir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../common/logging/logger.js';
import { AvatarStorage, isAvatarName, OpenedAvatar, StoredAvatar } from './avatar-storage.js';

const TEMPORARY = /^\.[0-9a-f]{32}\.webp\.tmp$/;

const absentAs =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };

/** Pictures as files of one folder, which all instances must share. */
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
      // Written aside and renamed: a crash leaves no half picture, and a full disk is noticed before a row refers to it.
      const aside = path.join(this.folder, `.${name}.tmp`);
      try {
        await writeFile(aside, bytes, { flag: 'wx', flush: true });
        await rename(aside, path.join(this.folder, name));
      } catch (error) {
        await unlink(aside).catch(() => undefined);
        throw error;
      }
      const folder = await open(this.folder);
      await folder.sync().finally(() => folder.close());
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

  /** Looks at the nearest existing parent: `put` creates the folder. */
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
