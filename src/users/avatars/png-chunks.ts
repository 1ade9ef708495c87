const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Length, type and check sum around the data of a chunk. */
const ENVELOPE_BYTES = 12;

/** A photograph in pieces of 8 KiB has two thousand; more are there to cost time. */
const MAX_CHUNK_ENTRIES = 20_000;

/** What the pixels need, and which way is up. */
const KEPT = new Set(['IHDR', 'PLTE', 'tRNS', 'eXIf', 'IDAT', 'IEND']);

/**
 * A PNG (W3C PNG, §5.3) without the chunks that say nothing of the pixels: its decoder unpacks compressed texts and profiles, a
 * thousand times their size, only to throw them away. Any other file is given back as it is.
 * @returns null for one with too many chunks
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
