import path from 'node:path';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError, Rule } from '../../common/errors.js';
import { Settings } from '../../config/settings.js';
import { atPace } from './upload-pace.js';

export interface Upload {
  bytes: Buffer;
  /** Of the file's name, lower case, one of `ALLOWED_EXTENSIONS`. */
  extension: string;
}

/** Bytes around the file in a form of one part: boundaries and headers. */
const MAX_ENVELOPE_BYTES = 16 * 1024;
/** Bytes of files held in memory at once, as far as they have arrived: connections that send nothing take nothing. */
const MAX_HELD_BYTES = 128 * 1024 * 1024;
/** Uploads at once, each of another member. */
const MAX_PLACES = 64;

/** Bytes of a member's upload that have arrived. */
interface Place {
  bytes: number;
}

const badFile = (rule: Rule, message: string, field = 'file') =>
  new AppError('validation_failed', { details: [{ field, rule, message: `${field} ${message}` }] });

/** Takes the one file out of a multipart form (RFC 7578), as it arrives and not a byte further than allowed. */
@Injectable()
export class MultipartUploadReader {
  private readonly maxBytes: number;
  private readonly extensions: readonly string[];
  private readonly places = new Map<string, Place>();

  constructor({ uploads }: Settings) {
    this.maxBytes = uploads.maxBytes;
    this.extensions = uploads.extensions;
  }

  /**
   * Reads the upload and hands it to `use`; its place is free again when that is done.
   * @throws AppError `unsupported_media_type`, `payload_too_large`, `validation_failed`, `bad_request`, `request_timeout`, `busy`
   */
  async read<T>(request: FastifyRequest, userId: string, use: (upload: Upload) => Promise<T>): Promise<T> {
    if (!request.isMultipart()) throw new AppError('unsupported_media_type');
    if (Number(request.headers['content-length']) > this.maxBytes + MAX_ENVELOPE_BYTES)
      throw new AppError('payload_too_large');
    if (this.places.has(userId) || this.places.size >= MAX_PLACES) throw new AppError('busy', { retryAfter: 1 });
    const place: Place = { bytes: 0 };
    this.places.set(userId, place);
    try {
      return await use(await atPace(request.raw.socket, this.readPart(request, place)));
    } finally {
      this.places.delete(userId);
    }
  }

  private async readPart(request: FastifyRequest, place: Place): Promise<Upload> {
    // The limits only keep the parser from collecting what is refused below anyway.
    const limits = { fileSize: this.maxBytes + 1, fieldSize: 1024, fieldNameSize: 100, headerPairs: 20 };
    let upload: Upload | undefined;
    try {
      for await (const part of request.parts({ limits })) {
        if (part.fieldname !== 'file') throw badFile('unknown_field', 'is not a part of this form', part.fieldname);
        if (part.type !== 'file' || !part.filename) throw badFile('invalid_type', 'must be a file with a name');
        if (upload) throw badFile('too_many', 'must be sent once');
        upload = { extension: this.extensionOf(part.filename), bytes: await this.collect(part.file, place) };
      }
    } catch (error) {
      if (error instanceof AppError) throw error;
      // All that is left is the form itself: no boundary, cut off, a header that cannot be read.
      throw new AppError('bad_request');
    }
    if (!upload) throw badFile('required', 'is required');
    if (upload.bytes.length === 0) throw badFile('too_short', 'must not be empty');
    return upload;
  }

  private extensionOf(filename: string): string {
    const extension = path.extname(filename).slice(1).toLowerCase();
    if (this.extensions.includes(extension)) return extension;
    const message = `file must be one of ${this.extensions.join(', ')}`;
    throw new AppError('unsupported_media_type', { details: [{ field: 'file', rule: 'invalid_format', message }] });
  }

  private async collect(file: AsyncIterable<Buffer>, place: Place): Promise<Buffer> {
    const chunks: Buffer[] = [];
    // Throwing out of the loop destroys the stream, which stops the parser.
    for await (const chunk of file) {
      place.bytes += chunk.length;
      if (place.bytes > this.maxBytes) throw new AppError('payload_too_large');
      if (this.heldBytes() > MAX_HELD_BYTES) throw new AppError('busy', { retryAfter: 1 });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, place.bytes);
  }

  private heldBytes(): number {
    return [...this.places.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
