import { Injectable } from '@nestjs/common';
import type { default as sharp, Sharp } from 'sharp';
import { AppError, invalidField } from '../../common/errors.js';
import { Semaphore } from '../../common/concurrency/semaphore.js';
import { firstFrame } from './first-frame.js';
import { stripAncillaryChunks } from './png-chunks.js';

/** Bounds the memory of one decoded picture, at up to eight bytes per pixel. */
const MAX_PIXELS = 40_000_000;
/** Size from which a picture counts as large. Phones take twelve million pixels. */
const MIN_LARGE_PIXELS = 16_000_000;
/** Of a stored picture: twice what clients show, for dense displays. */
const MAX_SIDE_PX = 1024;
/** Wait and work add up to the 15 seconds that a picture may take once its file has arrived. */
const MAX_WAIT_MS = 7000;
const MAX_WORK_SECONDS = 8;

/** sharp's format name by file extension. */
const FORMATS: Record<string, string> = { jpg: 'jpeg', jpeg: 'jpeg', png: 'png', gif: 'gif', webp: 'webp' };

/** End of a JPEG (ITU-T T.81, §B.1.1.3). */
const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

/** A part of a picture, in pixels after it was turned upright and then by `rotation` degrees, clockwise. */
interface PixelCrop {
  x: number;
  y: number;
  width: number;
  height: number;
  rotation: number;
}

/** A part of the turned picture: 1 / `scale` as wide and high; `x` and `y` from -1 (left, top) over 0 (centre) to 1. */
interface RelativeCrop {
  x: number;
  y: number;
  scale: number;
  rotation: number;
}

export type Crop = PixelCrop | RelativeCrop;

type Library = typeof sharp;

let loading: Promise<Library> | undefined;

/** Loaded with the first picture, to save start time and memory. */
function imageLibrary(): Promise<Library> {
  return (loading ??= import('sharp').then(({ default: library }) => {
    // libvips reads far more formats: SVG can load other files, PDF and TIFF have a history of faults. So all but these four
    // decoders are blocked.
    library.block({ operation: ['VipsForeignLoad'] });
    library.unblock({ operation: ['Jpeg', 'Png', 'Webp', 'Nsgif'].map((name) => `VipsForeignLoad${name}Buffer`) });
    // No picture comes twice, so the cache would only hold memory.
    library.cache(false);
    library.concurrency(1);
    return library;
  }));
}

/** Converts uploaded pictures to the stored form. */
@Injectable()
export class AvatarImages {
  // Two large pictures at once would double the memory and take the threads that file access needs. Small ones do not wait for
  // large ones.
  private readonly small = new Semaphore(1, MAX_WAIT_MS);
  private readonly large = new Semaphore(1, MAX_WAIT_MS);

  /**
   * Decodes the picture, turns it upright, fits it into a square and re-encodes it as WebP: only the pixels remain, no metadata
   * and nothing hidden. Of an animation the first frame is kept.
   * @param extension of the file's name, lower case
   * @throws AppError `unsupported_media_type`, `invalid_image`, `busy`, `validation_failed` for a crop beyond the picture
   */
  async normalize(bytes: Buffer, extension: string, crop?: Crop): Promise<Buffer> {
    const library = await imageLibrary();
    const stripped = stripAncillaryChunks(bytes);
    const file = stripped && firstFrame(stripped);
    if (!file) throw invalidImage(new Error('too many chunks'));
    const size = turned(await readSize(library, file, extension), crop?.rotation);
    const pixels = size.width * size.height;
    if (pixels > 2 * MAX_PIXELS)
      throw invalidField('crop.rotation', 'too_large', 'crop.rotation must not turn a long, thin picture aslant');
    const semaphore = pixels >= MIN_LARGE_PIXELS ? this.large : this.small;
    return semaphore.runExclusive(() => reencode(library, file, crop && toPixels(crop, size)));
  }
}

interface Size {
  width: number;
  height: number;
}

/** Of the rectangle around the picture once it is turned: at 45 degrees a square has twice its own pixels, a line any number. */
function turned({ width, height }: Size, degrees = 0): Size {
  const angle = (degrees / 180) * Math.PI;
  // Without the millionth, a quarter turn could lose a row to rounding.
  const side = (along: number, across: number) =>
    Math.floor(Math.abs(along * Math.cos(angle)) + Math.abs(across * Math.sin(angle)) + 1e-6);
  return { width: side(width, height), height: side(height, width) };
}

/** Of the upright picture, from the header alone; also checks that the content matches the extension. */
async function readSize(library: Library, file: Buffer, extension: string): Promise<Size> {
  const found = await library(file, { limitInputPixels: MAX_PIXELS })
    .metadata()
    .catch((error: Error) => {
      if (/unsupported image format/.test(error.message)) return null;
      throw invalidImage(error);
    });
  if (found && found.format === FORMATS[extension]) return found.autoOrient;
  const message = `file is not the ${extension} image that its name says`;
  throw new AppError('unsupported_media_type', { details: [{ field: 'file', rule: 'invalid_format', message }] });
}

async function reencode(library: Library, file: Buffer, crop?: PixelCrop): Promise<Buffer> {
  const convert = (input: Buffer, failOn: 'error' | 'warning') =>
    cut(library(input, { failOn, limitInputPixels: MAX_PIXELS, pages: 1, autoOrient: true }), crop)
      .resize(MAX_SIDE_PX, MAX_SIDE_PX, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 82 })
      .timeout({ seconds: MAX_WORK_SECONDS })
      .toBuffer();
  try {
    return await convert(file, 'error').catch((error: Error) => {
      if (!/premature end of JPEG/i.test(error.message)) throw error;
      // Some cameras omit the end marker. If pixels are missing too, the decoder warns.
      return convert(Buffer.concat([file, END_OF_IMAGE]), 'warning');
    });
  } catch (error) {
    if (/extract_area/.test((error as Error).message)) throw badCrop();
    throw invalidImage(error as Error);
  }
}

/** @param size of the turned picture */
function toPixels(crop: Crop, { width, height }: Size): PixelCrop {
  if (!('scale' in crop)) return crop;
  const part = (full: number) => Math.max(1, Math.round(full / crop.scale));
  const start = (full: number, place: number) => Math.round(((full - part(full)) * (place + 1)) / 2);
  return {
    x: start(width, crop.x),
    y: start(height, crop.y),
    width: part(width),
    height: part(height),
    rotation: crop.rotation,
  };
}

function cut(picture: Sharp, crop?: PixelCrop): Sharp {
  if (!crop) return picture;
  const { x: left, y: top, width, height, rotation } = crop;
  return (rotation === 0 ? picture : picture.rotate(rotation)).extract({ left, top, width, height });
}

const badCrop = () => invalidField('crop', 'out_of_range', 'crop must lie within the picture');

/** The picture has too many pixels, is broken, or is too slow to decode; the library's message would not help a user. */
function invalidImage({ message }: Error): AppError {
  const detail = /pixel limit/.test(message)
    ? { rule: 'too_large' as const, message: `file must not have more than ${MAX_PIXELS / 1e6} megapixels` }
    : { rule: 'undecodable' as const, message: 'file cannot be decoded' };
  return new AppError('invalid_image', { details: [{ field: 'file', ...detail }] });
}
