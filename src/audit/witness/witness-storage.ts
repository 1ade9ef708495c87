import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { s3Options } from '../../config/s3-options.js';
import type { Settings } from '../../config/settings.js';

/** Milliseconds. */
const TIMEOUT_MS = 5000;

export interface WitnessStorage {
  read(name: string): Promise<Buffer | null>;
  /** Once it resolves the file is there whole, also after a crash. */
  write(name: string, bytes: Buffer): Promise<void>;
}

export function openFolder(folder: string): WitnessStorage {
  return {
    read: (name) =>
      readFile(path.join(folder, name)).catch((error: { code?: string }) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      }),
    write: async (name, bytes) => {
      const file = path.join(folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(`${file}.tmp`, bytes, { flush: true });
      await rename(`${file}.tmp`, file);
    },
  };
}

export async function openBucket(
  settings: NonNullable<NonNullable<Settings['witness']>['s3']>,
): Promise<WitnessStorage> {
  const { bucket: Bucket } = settings;
  const { S3Client, GetObjectCommand, PutObjectCommand, NoSuchKey } = await import('@aws-sdk/client-s3');
  const client = new S3Client(s3Options(settings));
  const limit = () => ({ abortSignal: AbortSignal.timeout(TIMEOUT_MS) });
  return {
    read: async (Key) => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }), limit());
        return Buffer.from(await Body!.transformToByteArray());
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },
    write: async (Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }), limit());
    },
  };
}
