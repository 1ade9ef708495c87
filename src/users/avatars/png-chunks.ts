const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Length, type and checksum around the data of a chunk. */
const ENVELOPE_BYTES = 12;

/** A photo in chunks of 8 KiB has two thousand; more are an attack on processor time. */
const MAX_CHUNK_ENTRIES = 20_000;

/** Needed for the pixels and their orientation. */
const KEPT = new Set(['IHDR', 'PLTE', 'tRNS', 'eXIf', 'IDAT', 'IEND']);

/**
 * Strips the chunks of a PNG (W3C PNG, §5.3) that the pixels do not need: the decoder would inflate compressed texts and profiles
 * a thousandfold, only to drop them. Other files are returned unchanged.
 * @returns null for too many chunks
 */
export function stripAncillaryChunks(file: Buffer): Buffer | null {
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return file;
  const pieces: Buffer[] = [SIGNATURE];
  let count = 0;
  for (let at = SIGNATURE.length; at + ENVELOPE_BYTES <= file.length;) {
    const end = at + ENVELOPE_BYTES + file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (KEPT.has(type)) pieces.push(file.subarray(at, end));
    if (type === 'IEND') break;
    if ((count += 1) > MAX_CHUNK_ENTRIES) return null;
    at = end;
  }
  return Buffer.concat(pieces);
}
