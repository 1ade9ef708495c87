import type { Readable } from 'node:stream';
import { randomBytes } from 'node:crypto';
import type { OnApplicationShutdown } from '@nestjs/common';
import { AppError } from '../common/errors.js';
import type { Logger } from '../common/logger.js';

/** Every stored picture is re-encoded to this. */
export const AVATAR_TYPE = 'image/webp';

const NAME = /^[0-9a-f]{32}\.webp$/;

/** 128 random bits: an address cannot be guessed, and is never used for another picture. */
export const newAvatarName = () => `${randomBytes(16).toString('hex')}.webp`;

export const isAvatarName = (name: string) => NAME.test(name);

/** The address of what `users.profile_picture_url` holds: the name of a picture of ours, or the address of a provider's. */
export function pictureUrl(baseUrl: string, stored: string | null): string | null {
  return stored !== null && isAvatarName(stored) ? `${baseUrl}/uploads/${stored}` : stored;
}

export interface OpenedAvatar {
  content: Readable | Buffer;
  /** Bytes. */
  size: number;
}

export interface StoredAvatar {
  name: string;
  modifiedAt: Date;
}

/** Where pictures are kept: a folder or a bucket. */
export abstract class AvatarStorage implements OnApplicationShutdown {
  constructor(private readonly logger: Logger) {}

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  /** Once it resolves the picture is there whole, also after a crash. */
  abstract put(name: string, bytes: Buffer): Promise<void>;
  abstract open(name: string): Promise<OpenedAvatar | null>;
  /** Nothing happens where it is gone already. */
  abstract remove(name: string): Promise<void>;
  /** Everything kept there, what an interrupted `put` has left included. */
  abstract list(): AsyncIterable<StoredAvatar>;

  /** Lets connections go. */
  async close(): Promise<void> {}

  /**
   * Runs what needs the disk or the network.
   * @throws AppError `busy` where it fails: the operator's trouble, but a 5xx would make the gateway cut everybody off
   */
  protected async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.logger.error({ alert: 'avatar_storage_failed', err: error }, 'the avatar storage failed');
      throw new AppError('busy', { retryAfter: 5 });
    }
  }
}
