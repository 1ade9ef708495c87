import { Injectable } from '@nestjs/common';
import type sharp from 'sharp';
import { AppError, ErrorDetail } from '../common/errors.js';

/** Pixels of a decoded image; with the four bytes of each this bounds what one picture costs in memory. */
const MOST_PIXELS = 40_000_000;
/** Longest side of a stored picture, pixels: twice what the clients show, for dense displays. */
const SIDE = 1024;
/** Seconds of one conversion. A photograph of a telephone takes a tenth of one. */
const LONGEST_WORK = 3;
/** Milliseconds before one's turn; the gateway gives up after ten seconds in all. */
const LONGEST_WAIT = 2000;

/** What the bytes may be, by the extension of the file's name. */
const FORMATS: Record<string, string> = { jpg: 'jpg', jpeg: 'jpg', png: 'png', gif: 'gif', webp: 'webp' };

let loading: Promise<typeof sharp> | undefined;

/** With the first picture: the library takes a twentieth of the time of a start, and the memory that it takes is its own. */
function imageLibrary(): Promise<typeof sharp> {
  return (loading ??= import('sharp').then(({ default: library }) => {
    // libvips reads far more than pictures of people: SVG loads other files, PDF and TIFF have a history. Only these four
    // decoders exist for this process, whatever a file claims to be.
    library.block({ operation: ['VipsForeignLoad'] });
    library.unblock({ operation: ['Jpeg', 'Png', 'Webp', 'Nsgif'].map((name) => `VipsForeignLoad${name}Buffer`) });
    // Pictures differ: a cache of decoded ones would only hold memory.
    library.cache(false);
    library.concurrency(1);
    return library;
  }));
}

/** Turns what members upload into the one form that is stored. */
@Injectable()
export class AvatarImages {
  private turn: Promise<unknown> = Promise.resolve();

  /**
   * Decodes the picture, turns it upright, fits it into a square and encodes it anew as WebP: of the file nothing but the
   * pixels remains, neither its metadata nor what was hidden in it. Of an animation the first frame counts.
   * @param extension of the file's name, lower case
   * @throws AppError `unsupported_media_type`, `invalid_image`, `busy`
   */
  async normalize(bytes: Buffer, extension: string): Promise<Buffer> {
    await requireFormat(bytes, extension);
    return this.inTurn(() => reencode(bytes));
  }

  /** One at a time: two large pictures at once would double the memory and take the threads that passwords and files need. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    const mine = this.turn.then(() => {
      if (performance.now() - asked > LONGEST_WAIT) throw new AppError('busy', { retryAfter: 2 });
      return work();
    });
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}

async function requireFormat(bytes: Buffer, extension: string): Promise<void> {
  const { fileTypeFromBuffer } = await import('file-type');
  // The reader of some formats fails on a file that is cut off.
  const found = await fileTypeFromBuffer(bytes).catch(() => undefined);
  const format = found?.ext === 'apng' ? 'png' : found?.ext;
  if (format !== undefined && format === FORMATS[extension]) return;
  const message = `file is not the ${extension} image that its name says`;
  throw new AppError('unsupported_media_type', { details: [{ field: 'file', rule: 'invalid_format', message }] });
}

async function reencode(bytes: Buffer): Promise<Buffer> {
  const library = await imageLibrary();
  try {
    return await library(bytes, { failOn: 'error', limitInputPixels: MOST_PIXELS, pages: 1, autoOrient: true })
      .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 82 })
      .timeout({ seconds: LONGEST_WORK })
      .toBuffer();
  } catch (error) {
    // Too many pixels, broken, or too slow to decode: what the library says is of no use to a member.
    throw new AppError('invalid_image', { details: [{ field: 'file', ...reason(error as Error) }] });
  }
}

function reason({ message }: Error): Omit<ErrorDetail, 'field'> {
  if (/pixel limit/.test(message))
    return { rule: 'too_large', message: `file must not have more than ${MOST_PIXELS / 1e6} megapixels` };
  return { rule: 'undecodable', message: 'file cannot be decoded' };
}
