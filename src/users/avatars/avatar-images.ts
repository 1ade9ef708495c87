import { Injectable } from '@nestjs/common';
import type sharp from 'sharp';
import { AppError } from '../../common/errors.js';
import { Semaphore } from '../../common/concurrency/semaphore.js';
import { stripAncillaryChunks } from './png-chunks.js';

/** Pixels of a decoded image; with up to eight bytes of each this bounds what one picture costs in memory. */
const MAX_PIXELS = 40_000_000;
/** Pixels above which a picture waits for the place of the large ones. Telephones take twelve million. */
const MIN_LARGE_PIXELS = 16_000_000;
/** Longest side of a stored picture: twice what the clients show, for dense displays. */
const MAX_SIDE_PX = 1024;
/** Wait and work together are the 15 seconds that a picture may take once its file has arrived. */
const MAX_WAIT_MS = 7000;
const MAX_WORK_SECONDS = 8;

/** What the bytes may be, by the extension of the file's name. */
const FORMATS: Record<string, string> = { jpg: 'jpeg', jpeg: 'jpeg', png: 'png', gif: 'gif', webp: 'webp' };

/** End of a JPEG (ITU-T T.81, §B.1.1.3). */
const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

type Library = typeof sharp;

let loading: Promise<Library> | undefined;

/** With the first picture: the library takes a twentieth of the time of a start, and the memory that it takes is its own. */
function imageLibrary(): Promise<Library> {
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
  // One place each, in the order of arrival, and a member has one upload at a time: a slow picture delays the next one of its
  // size at most. Two large ones at once would double the memory and take the threads that files need.
  private readonly small = new Semaphore(1, MAX_WAIT_MS);
  private readonly large = new Semaphore(1, MAX_WAIT_MS);

  /**
   * Decodes the picture, turns it upright, fits it into a square and encodes it anew as WebP: of the file nothing but the
   * pixels remains, neither its metadata nor what was hidden in it. Of an animation the first frame counts.
   * @param extension of the file's name, lower case
   * @throws AppError `unsupported_media_type`, `invalid_image`, `busy`
   */
  async normalize(bytes: Buffer, extension: string): Promise<Buffer> {
    const library = await imageLibrary();
    const file = stripAncillaryChunks(bytes);
    if (!file) throw invalidImage(new Error('too many chunks'));
    const pixels = await readSize(library, file, extension);
    const place = pixels >= MIN_LARGE_PIXELS ? this.large : this.small;
    return place.runExclusive(() => reencode(library, file));
  }
}

/** Width times height, of the header alone; its bytes also say whether the file is what its name says. */
async function readSize(library: Library, file: Buffer, extension: string): Promise<number> {
  const found = await library(file, { limitInputPixels: MAX_PIXELS })
    .metadata()
    .catch((error: Error) => {
      if (/unsupported image format/.test(error.message)) return null;
      throw invalidImage(error);
    });
  if (found && found.format === FORMATS[extension]) return found.width * found.height;
  const message = `file is not the ${extension} image that its name says`;
  throw new AppError('unsupported_media_type', { details: [{ field: 'file', rule: 'invalid_format', message }] });
}

async function reencode(library: Library, file: Buffer): Promise<Buffer> {
  const convert = (input: Buffer, failOn: 'error' | 'warning') =>
    library(input, { failOn, limitInputPixels: MAX_PIXELS, pages: 1, autoOrient: true })
      .resize(MAX_SIDE_PX, MAX_SIDE_PX, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 82 })
      .timeout({ seconds: MAX_WORK_SECONDS })
      .toBuffer();
  try {
    return await convert(file, 'error').catch((error: Error) => {
      if (!/premature end of JPEG/i.test(error.message)) throw error;
      // Some cameras leave the end marker out. Where pixels are missing as well, the decoder warns of it.
      return convert(Buffer.concat([file, END_OF_IMAGE]), 'warning');
    });
  } catch (error) {
    throw invalidImage(error as Error);
  }
}

/** Too many pixels, broken, or too slow to decode: what the library says is of no use to a member. */
function invalidImage({ message }: Error): AppError {
  const detail = /pixel limit/.test(message)
    ? { rule: 'too_large' as const, message: `file must not have more than ${MAX_PIXELS / 1e6} megapixels` }
    : { rule: 'undecodable' as const, message: 'file cannot be decoded' };
  return new AppError('invalid_image', { details: [{ field: 'file', ...detail }] });
}
