import path from 'node:path';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError, Rule, invalidField } from '../../common/errors.js';
import { Settings } from '../../config/settings.js';
import type { Crop } from './avatar-images.js';
import { withMinPace } from './upload-pace.js';

export interface Upload {
  bytes: Buffer;
  /** Of the file's name, lower case, one of `ALLOWED_EXTENSIONS`. */
  extension: string;
  crop?: Crop;
}

/** Buffers a file while it arrives. */
export type Collect = (file: AsyncIterable<Buffer>) => Promise<Buffer>;

/** Boundaries and headers around the file in a form of one part. */
const MAX_ENVELOPE_BYTES = 16 * 1024;
/** All uploads in memory together, as far as they have arrived. */
const MAX_HELD_BYTES = 128 * 1024 * 1024;
/** Uploads at once, one per user. */
const MAX_PLACES = 64;

const badFile = (rule: Rule, message: string, field = 'file') => invalidField(field, rule, `${field} ${message}`);

/** Reads the one file of a multipart form (RFC 7578) as it arrives, up to the limits. */
@Injectable()
export class MultipartUploadReader {
  private readonly maxBytes: number;
  private readonly extensions: readonly string[];
  /** Bytes received so far, by user id. */
  private readonly received = new Map<string, number>();

  constructor({ uploads }: Settings) {
    this.maxBytes = uploads.maxBytes;
    this.extensions = uploads.extensions;
  }

  /**
   * Reads the upload and passes it to `use`; until that is done it counts as held in memory.
   * @throws AppError `unsupported_media_type`, `payload_too_large`, `validation_failed`, `bad_request`, `request_timeout`, `busy`
   */
  async read<T>(request: FastifyRequest, userId: string, use: (upload: Upload) => Promise<T>): Promise<T> {
    if (!request.isMultipart()) throw new AppError('unsupported_media_type');
    if (Number(request.headers['content-length']) > this.maxBytes + MAX_ENVELOPE_BYTES)
      throw new AppError('payload_too_large');
    return this.receive(request, userId, (collect) => this.readPart(request, collect), use);
  }

  /**
   * Like `read`, for another form of body.
   * @param readUpload passes the file's bytes, as they arrive, through `collect`
   */
  async receive<T>(
    request: FastifyRequest,
    userId: string,
    readUpload: (collect: Collect) => Promise<Upload>,
    use: (upload: Upload) => Promise<T>,
  ): Promise<T> {
    if (this.received.has(userId) || this.received.size >= MAX_PLACES) throw new AppError('busy', { retryAfter: 1 });
    this.received.set(userId, 0);
    try {
      const collect: Collect = (file) => this.collect(file, userId);
      return await use(await withMinPace(request.raw.socket, readUpload(collect)));
    } finally {
      this.received.delete(userId);
    }
  }

  private async readPart(request: FastifyRequest, collect: Collect): Promise<Upload> {
    // These limits keep the parser from buffering what is refused below.
    const limits = { fileSize: this.maxBytes + 1, fieldSize: 1024, fieldNameSize: 100, headerPairs: 20 };
    let upload: Upload | undefined;
    try {
      for await (const part of request.parts({ limits })) {
        if (part.fieldname !== 'file') throw badFile('unknown_field', 'is not a part of this form', part.fieldname);
        if (part.type !== 'file' || !part.filename) throw badFile('invalid_type', 'must be a file with a name');
        if (upload) throw badFile('too_many', 'must be sent once');
        upload = { extension: this.extensionOf(part.filename), bytes: await collect(part.file) };
      }
    } catch (error) {
      if (error instanceof AppError) throw error;
      // The form is malformed: no boundary, cut off, or a bad header.
      throw new AppError('bad_request');
    }
    if (!upload) throw badFile('required', 'is required');
    if (upload.bytes.length === 0) throw badFile('too_short', 'must not be empty');
    return upload;
  }

  private extensionOf(filename: string): string {
    const extension = path.extname(filename).slice(1).toLowerCase();
    this.requireAllowed(extension);
    return extension;
  }

  /**
   * @param names of one type of file
   * @throws AppError `unsupported_media_type` if none of them is in `ALLOWED_EXTENSIONS`
   */
  requireAllowed(...names: string[]): void {
    if (names.some((name) => this.extensions.includes(name))) return;
    const message = `file must be one of ${this.extensions.join(', ')}`;
    throw new AppError('unsupported_media_type', { details: [{ field: 'file', rule: 'invalid_format', message }] });
  }

  private async collect(file: AsyncIterable<Buffer>, userId: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Throwing out of the loop destroys the stream, which stops the parser.
    for await (const chunk of file) {
      bytes += chunk.length;
      this.received.set(userId, bytes);
      if (bytes > this.maxBytes) throw new AppError('payload_too_large');
      if (this.heldBytes() > MAX_HELD_BYTES) throw new AppError('busy', { retryAfter: 1 });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, bytes);
  }

  private heldBytes(): number {
    return [...this.received.values()].reduce((sum, bytes) => sum + bytes, 0);
  }
}
