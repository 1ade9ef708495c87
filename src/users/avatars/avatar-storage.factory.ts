import type { Logger } from '../../common/logging/logger.js';
import type { Settings } from '../../config/settings.js';
import type { AvatarStorage } from './avatar-storage.js';
import { LocalAvatarStorage } from './avatar-storage.local.js';
import { S3AvatarStorage } from './avatar-storage.s3.js';

/** The bucket where one is configured, else the folder. */
export function createAvatarStorage({ s3, folder }: Settings['uploads'], logger: Logger): AvatarStorage {
  return s3 ? new S3AvatarStorage(s3, logger) : new LocalAvatarStorage(folder, logger);
}
