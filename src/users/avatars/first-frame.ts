/** A GIF of 16 MiB has 66,000; more are an attack on processor time. */
const MAX_BLOCK_ENTRIES = 100_000;
/** Chunks of a WebP beside the frames; there are seven kinds. */
const MAX_CHUNK_ENTRIES = 64;

const GIF_HEADER_BYTES = 13;
const [GIF_EXTENSION, GIF_IMAGE, GIF_TRAILER] = [0x21, 0x2c, 0x3b];
const WEBP_HEADER_BYTES = 12;
/** `ANMF`, as a number. */
const WEBP_FRAME = 0x464d4e41;

/**
 * Cuts an animation after its first frame: the decoder would read all of them to count them, which takes minutes for the
 * hundred thousand that fit into a WebP. Other files are returned unchanged.
 * @returns null for too many blocks
 */
export function firstFrame(file: Buffer): Buffer | null {
  const start = file.toString('latin1', 0, WEBP_HEADER_BYTES);
  if (/^GIF8[79]a/.test(start)) return firstOfGif(file);
  return /^RIFF[^]{4}WEBP$/.test(start) ? firstOfWebp(file) : file;
}

/** The size of the colour table that these flags announce (GIF89a, §18 and §20). */
const tableBytes = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);

/** Data stands in blocks, each after its length, the last of length 0 (GIF89a, §15). */
function firstOfGif(file: Buffer): Buffer | null {
  let count = 0;
  const endOfBlocks = (from: number) => {
    let at = from;
    for (; count < MAX_BLOCK_ENTRIES && file[at]; at += 1 + file[at]!) count += 1;
    return at + 1;
  };
  let at = GIF_HEADER_BYTES + tableBytes(file[10] ?? 0);
  for (; count < MAX_BLOCK_ENTRIES && file[at] === GIF_EXTENSION; at = endOfBlocks(at + 2)) count += 1;
  // After the descriptor come a table of its own and a byte before the pixels.
  if (file[at] === GIF_IMAGE) at = endOfBlocks(at + 11 + tableBytes(file[at + 9] ?? 0));
  return count < MAX_BLOCK_ENTRIES ? Buffer.concat([file.subarray(0, at), Buffer.of(GIF_TRAILER)]) : null;
}

/** Frames are chunks of the container (RFC 9649, §2.7.1.1). */
function firstOfWebp(file: Buffer): Buffer | null {
  const pieces = [file.subarray(0, WEBP_HEADER_BYTES)];
  let [count, frames] = [0, 0];
  for (let at = WEBP_HEADER_BYTES; at + 8 <= file.length; count += 1) {
    if (count === MAX_BLOCK_ENTRIES || pieces.length > MAX_CHUNK_ENTRIES) return null;
    const bytes = file.readUInt32LE(at + 4);
    const end = at + 8 + bytes + (bytes % 2);
    const isFrame = file.readUInt32LE(at) === WEBP_FRAME;
    if (!isFrame || (frames += 1) === 1) pieces.push(file.subarray(at, end));
    at = end;
  }
  if (frames <= 1) return file;
  const cut = Buffer.concat(pieces);
  cut.writeUInt32LE(cut.length - 8, 4);
  return cut;
}
