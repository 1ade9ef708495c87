import { deflateSync } from 'node:zlib';
import sharp from 'sharp';

interface Part {
  name?: string;
  filename?: string | null;
  content: Buffer | string;
}

export const BOUNDARY = 'spec-boundary';
export const FORM = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

/** A multipart form (RFC 7578) as browsers send it. */
export function form(...parts: Part[]): Buffer {
  const pieces = parts.flatMap(({ name = 'file', filename = null, content }) => {
    const file = filename === null ? '' : `; filename="${filename}"\r\nContent-Type: application/octet-stream`;
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return [Buffer.from(head), Buffer.from(content), Buffer.from('\r\n')];
  });
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** Small pictures of one colour. */
export function picture(format: 'png' | 'jpeg' | 'gif' | 'webp', side = 64, background = '#2255aa'): Promise<Buffer> {
  return sharp({ create: { width: side, height: side, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
}

/** A small photo like a phone's: rotated, with place and camera in its EXIF. */
export function photograph(): Promise<Buffer> {
  return sharp({
    create: {
      width: 1600,
      height: 1200,
      channels: 3,
      background: '#888',
      noise: { type: 'gaussian', mean: 128, sigma: 20 },
    },
  })
    .withExif({
      IFD0: { Make: 'Acme Phones', Artist: 'Ada Example' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '46/1 57/1 0/1', GPSLongitudeRef: 'E', GPSLongitude: '7/1 27/1 0/1' },
    })
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 80 })
    .toBuffer();
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

function crc32(bytes: Buffer): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ -1) >>> 0;
}

/** A PNG of a few hundred bytes that claims this size (decompression bomb). */
export function pngOfSize(width: number, height: number): Buffer {
  return png(width, height, 8, deflateSync(Buffer.alloc(1024)));
}

/** A complete PNG of one colour with 64 bits per pixel, compressed to a thousandth. */
export function deepPng(width: number, height: number): Buffer {
  return png(width, height, 16, deflateSync(Buffer.alloc((width * 8 + 1) * height)));
}

/** A small PNG with 60 chunks of a type that inflate to 60 MB each. */
export function chunkBomb(kind: 'zTXt' | 'iTXt' | 'iCCP'): Buffer {
  const head = kind === 'iTXt' ? 'k\0\u0001\0\0\0' : 'k\0\0';
  const bomb = chunk(kind, Buffer.concat([Buffer.from(head), deflateSync(Buffer.alloc(60_000_000))]));
  return png(8, 8, 8, deflateSync(Buffer.alloc((8 * 4 + 1) * 8)), Array<Buffer>(60).fill(bomb));
}

/** A small PNG with so many additional empty chunks. */
export function pngOfChunks(count: number): Buffer {
  return png(
    8,
    8,
    8,
    deflateSync(Buffer.alloc((8 * 4 + 1) * 8)),
    Array<Buffer>(count).fill(chunk('teXt', Buffer.alloc(0))),
  );
}

/** Colour with alpha. */
function png(width: number, height: number, depth: number, pixels: Buffer, extra: Buffer[] = []): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, depth, 6, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A GIF with one colour per frame, built by hand because encoding 2,000 frames takes long. */
export function gifOfFrames(count: number, side = 500): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt16LE(side, 0);
  size.writeUInt16LE(side, 2);
  const palette = Buffer.from([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
  const screen = Buffer.concat([Buffer.from('GIF89a'), size, Buffer.from([0x91, 0, 0]), palette]);
  // A frame of one pixel: colour 1, then the end code, three bits each (LZW with a minimum of two bits).
  const frame = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 0x01, 0]);
  const delay = Buffer.from([0x21, 0xf9, 4, 0, 5, 0, 0, 0]);
  return Buffer.concat([
    screen,
    ...Array.from({ length: count }, () => Buffer.concat([delay, frame])),
    Buffer.from(';'),
  ]);
}

/** A WebP animation that repeats one small frame. */
export async function webpOfFrames(count: number): Promise<Buffer> {
  const riff = (type: string, ...data: Buffer[]) => {
    const head = Buffer.alloc(8);
    head.write(type);
    head.writeUInt32LE(Buffer.concat(data).length, 4);
    return Buffer.concat([head, ...data]);
  };
  // A canvas and frames of 16 × 16 pixels, in which sizes are one less.
  const screen = riff('VP8X', Buffer.from([2, 0, 0, 0, 15, 0, 0, 15, 0, 0]));
  const place = Buffer.from([0, 0, 0, 0, 0, 0, 15, 0, 0, 15, 0, 0, 100, 0, 0, 0]);
  const frame = riff('ANMF', place, (await picture('webp', 16)).subarray(12));
  const frames = Array<Buffer>(count).fill(frame);
  return riff('RIFF', Buffer.from('WEBP'), screen, riff('ANIM', Buffer.alloc(6)), ...frames);
}
