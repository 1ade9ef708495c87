import type { Readable } from 'node:stream';
import { randomBytes } from 'node:crypto';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Logger } from '../../common/logging/logger.js';

/** Every stored picture is re-encoded to this. */
export const AVATAR_TYPE = 'image/webp';

const NAME = /^[0-9a-f]{32}\.webp$/;

/** 128 random bits: a URL cannot be guessed and is never reused. */
export const newAvatarName = () => `${randomBytes(16).toString('hex')}.webp`;

export const isAvatarName = (name: string) => NAME.test(name);

/** @param stored `users.profile_picture_url`: the file name of an uploaded picture, or the URL of a provider's */
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

  /** Not awaited: the service starts without its storage. */
  onApplicationBootstrap(): void {
    this.probe().catch((error: unknown) =>
      this.logger.warn({ alert: 'invalid_configuration', err: error }, 'pictures cannot be stored'),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  /** Durable once it resolves. */
  abstract put(name: string, bytes: Buffer): Promise<void>;
  abstract open(name: string): Promise<OpenedAvatar | null>;
  /** Idempotent. */
  abstract remove(name: string): Promise<void>;
  /** All files, including those of an interrupted `put`. */
  abstract list(): AsyncIterable<StoredAvatar>;

  /**
   * Checks that pictures can be stored.
   * @throws Error naming the variable and the folder or bucket
   */
  abstract probe(): Promise<void>;

  async close(): Promise<void> {}

  /**
   * @throws AppError `storage_unavailable` for any failure; not a 5xx, which would open the gateway's circuit breaker for all
   * routes
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
