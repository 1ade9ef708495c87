import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Logger } from '../../common/logging/logger.js';
import { s3Options } from '../../config/s3-options.js';
import type { Settings } from '../../config/settings.js';
import { AVATAR_TYPE, AvatarStorage, isAvatarName, OpenedAvatar, StoredAvatar } from './avatar-storage.js';

/** The bucket may hold other objects too. */
const PREFIX = 'avatars/';
/** Without a byte, or until the response begins. */
const MAX_SILENCE_MS = 2000;
/** For a whole picture, including a second attempt and the wait for a connection. */
const MAX_READ_MS = 5000;

/** Object written by the health check. */
const PROBE = '.probe';
/** Each write is billed. */
const PROBE_INTERVAL_MS = 60_000;

type Bucket = NonNullable<Settings['uploads']['s3']>;
type Sdk = typeof import('@aws-sdk/client-s3');

/** Pictures as objects of an S3-compatible bucket. */
export class S3AvatarStorage extends AvatarStorage {
  private probed: { at: number; outcome: Promise<void> } | undefined;
  private connected: Promise<{ sdk: Sdk; client: S3Client }> | undefined;

  constructor(
    private readonly bucket: Bucket,
    logger: Logger,
  ) {
    super(logger);
  }

  put(name: string, bytes: Buffer): Promise<void> {
    return this.attempt(async () => {
      const { sdk, client } = await this.connection();
      await client.send(new sdk.PutObjectCommand({ ...this.object(name), Body: bytes, ContentType: AVATAR_TYPE }));
    });
  }

  open(name: string): Promise<OpenedAvatar | null> {
    return this.attempt(async () => {
      const { sdk, client } = await this.connection();
      try {
        // Read whole before it is served: slow readers would otherwise hold the SDK's 50 connections.
        const abortSignal = AbortSignal.timeout(MAX_READ_MS);
        const { Body } = await client.send(new sdk.GetObjectCommand(this.object(name)), { abortSignal });
        const content = await buffer(Body as Readable);
        return { content, size: content.length };
      } catch (error) {
        if (error instanceof sdk.NoSuchKey) return null;
        throw error;
      }
    });
  }

  remove(name: string): Promise<void> {
    return this.attempt(async () => {
      const { sdk, client } = await this.connection();
      await client.send(new sdk.DeleteObjectCommand(this.object(name)));
    });
  }

  async probe(): Promise<void> {
    if (!this.probed || performance.now() - this.probed.at > PROBE_INTERVAL_MS)
      this.probed = { at: performance.now(), outcome: this.writeProbe() };
    return this.probed.outcome;
  }

  async *list(): AsyncIterable<StoredAvatar> {
    const { sdk, client } = await this.connection();
    const pages = sdk.paginateListObjectsV2({ client }, { Bucket: this.bucket.bucket, Prefix: PREFIX });
    for await (const { Contents = [] } of pages)
      for (const { Key = '', LastModified } of Contents) {
        const name = Key.slice(PREFIX.length);
        if (isAvatarName(name) && LastModified) yield { name, modifiedAt: LastModified };
      }
  }

  override async close(): Promise<void> {
    (await this.connected)?.client.destroy();
  }

  private async writeProbe(): Promise<void> {
    try {
      const { sdk, client } = await this.connection();
      await client.send(new sdk.PutObjectCommand({ ...this.object(PROBE), Body: Buffer.alloc(1) }));
    } catch (error) {
      throw new Error(`S3_BUCKET (${this.bucket.bucket}) cannot be written to`, { cause: error });
    }
  }

  private object(name: string) {
    return { Bucket: this.bucket.bucket, Key: PREFIX + name };
  }

  /** The SDK takes 30 MB, so it is loaded by the first use. */
  private connection() {
    this.connected ??= import('@aws-sdk/client-s3').then((sdk) => ({ sdk, client: this.connect(sdk) }));
    return this.connected;
  }

  private connect({ S3Client: Client }: Sdk): S3Client {
    return new Client({
      ...s3Options(this.bucket),
      maxAttempts: 2,
      requestHandler: {
        connectionTimeout: 1000,
        requestTimeout: MAX_SILENCE_MS,
        throwOnRequestTimeout: true,
        // `requestTimeout` ends with the first byte of the response.
        socketTimeout: MAX_SILENCE_MS,
      },
    });
  }
}
