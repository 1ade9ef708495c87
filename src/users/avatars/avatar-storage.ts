import type { Readable } from 'node:stream';
import { randomBytes } from 'node:crypto';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Logger } from '../../common/logging/logger.js';

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
export abstract class AvatarStorage implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly logger: Logger) {}

  /** Beside the start, which waits for no bucket; the service does all the rest without one. */
  onApplicationBootstrap(): void {
    this.probe().catch((error: unknown) =>
      this.logger.warn({ alert: 'invalid_configuration', err: error }, 'pictures cannot be stored'),
    );
  }

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

  /**
   * Sees whether pictures can be stored.
   * @throws Error that says where they cannot, and by which variable
   */
  abstract probe(): Promise<void>;

  /** Lets connections go. */
  async close(): Promise<void> {}

  /**
   * Runs what needs the disk or the network.
   * @throws AppError `storage_unavailable` where it fails: the operator's trouble, but a 5xx would make the gateway cut
   * everybody off
   */
  protected async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.logger.error({ alert: 'avatar_storage_failed', err: error }, 'the avatar storage failed');
      throw new AppError('storage_unavailable', { retryAfter: 5 });
    }
  }
}
