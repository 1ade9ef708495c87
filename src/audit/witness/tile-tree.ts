import { hash } from 'node:crypto';

const TILE_ENTRIES = 256;

const sha256 = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

/** RFC 9162 §2.1.1, over the hashes of subtrees of one size; the last may be smaller. */
function merkleRoot(hashes: Buffer[]): Buffer {
  if (hashes.length <= 1) return hashes[0] ?? sha256();
  const split = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
  return sha256(Buffer.of(1), merkleRoot(hashes.slice(0, split)), merkleRoot(hashes.slice(split)));
}

/** A Merkle tree (RFC 9162) that only grows, in tiles (C2SP tlog-tiles), of which the last of each row is in memory. */
export class TileTree {
  /** The first row has the entries, each after its length; the others have the levels of hashes. */
  private readonly rows: Buffer[][] = [[]];
  private stored = new Set<string>();

  private constructor(public size: number) {}

  /** @throws Error where a tile is missing */
  static async load(size: number, read: (path: string) => Promise<Buffer | null>): Promise<TileTree> {
    const tree = new TileTree(size);
    for (let row = 0; row < 2 || size >= TILE_ENTRIES ** (row - 1); row += 1) {
      const { path, width } = tree.place(row);
      const bytes = width === TILE_ENTRIES ? Buffer.alloc(0) : await read(path);
      if (!bytes) throw new Error(`${path} is missing`);
      const hashes = Array.from({ length: bytes.length / 32 }, (_, n) => bytes.subarray(n * 32, n * 32 + 32));
      tree.rows[row] = row === 0 ? [bytes] : hashes;
    }
    return tree;
  }

  /** @returns the tiles that this leaf has filled */
  append(data: Buffer): { path: string; bytes: Buffer }[] {
    this.size += 1;
    const full = [];
    let node = sha256(Buffer.of(0), data);
    this.rows[0]!.push(Buffer.of(data.length >> 8, data.length & 255), data);
    for (let row = 0; ; row += 1) {
      const parts = (this.rows[row] ??= []);
      if (row > 0) parts.push(node);
      const { path, width } = this.place(row);
      if (width === TILE_ENTRIES) {
        full.push({ path, bytes: Buffer.concat(parts) });
        if (row > 0) node = merkleRoot(parts);
        this.rows[row] = [];
      } else if (row > 0) return full;
    }
  }

  /** What a checkpoint of this size needs beside the full tiles, as far as it is new since the last call: none if no leaf is. */
  takePartialTiles() {
    const tiles = this.rows
      .map((parts, row) => ({ ...this.place(row), bytes: Buffer.concat(parts) }))
      .filter(({ width, path }) => width < TILE_ENTRIES && !this.stored.has(path));
    this.stored = new Set(this.rows.map((_, row) => this.place(row).path));
    return tiles;
  }

  root(): Buffer {
    let last: Buffer[] = [];
    for (const hashes of this.rows.slice(1)) if (hashes.length > 0) last = [merkleRoot([...hashes, ...last])];
    return merkleRoot(last);
  }

  /** The last tile of a row; one that is full counts as the last until the next begins. */
  private place(row: number): { path: string; width: number } {
    const nodes = Math.floor(this.size / TILE_ENTRIES ** Math.max(0, row - 1));
    const width = nodes % TILE_ENTRIES || TILE_ENTRIES;
    // 1234067 is x001/x234/067.
    const digits = String(Math.max(0, Math.ceil(nodes / TILE_ENTRIES) - 1));
    const index = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').replace(/\d{3}(?=\d)/g, 'x$&/');
    const path = `tile/${row === 0 ? 'entries' : row - 1}/${index}`;
    return { path: width < TILE_ENTRIES ? `${path}.p/${width}` : path, width };
  }
}
