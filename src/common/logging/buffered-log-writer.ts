import { mkdirSync, openSync, write, writeSync } from 'node:fs';
import path from 'node:path';

/** Characters written at once, and the longest that a line waits, milliseconds. */
const CHUNK_BYTES = 16_384;
const MAX_DELAY_MS = 200;
/** Characters that wait for a reader who has stopped to read; what comes then is lost. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** Milliseconds until a full pipe is tried again, and how often the end of the process does so. */
const RETRY_MS = 50;
const MAX_FINAL_ATTEMPTS = 20;

const unwritten = new Set<BufferedLogWriter>();

// However the process ends, short of SIGKILL, the last lines are those that matter.
process.on('exit', () => {
  for (const buffer of unwritten) buffer.flushSync();
});

/**
 * Collects lines and writes them in pieces, on another thread. What cannot be written is lost, and standard error told: a
 * full disk must not end the service. It tries on, so that the log goes on once there is room.
 */
export class BufferedLogWriter {
  private readonly fd: number;
  private lines: string[] = [];
  private size = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing = false;
  private failing = false;

  /**
   * @param where an open file, or the path of one; its folder is made
   * @param name for what is said of it
   * @throws where the file cannot be opened
   */
  constructor(
    where: number | string,
    private readonly name: string,
  ) {
    try {
      if (typeof where === 'string') mkdirSync(path.dirname(where), { recursive: true });
      this.fd = typeof where === 'string' ? openSync(where, 'a') : where;
    } catch (error) {
      throw new Error(`${name} cannot be opened: ${(error as Error).message}`, { cause: error });
    }
  }

  write(line: string): void {
    if (this.size >= MAX_BUFFERED_BYTES) return this.tell(new Error('nobody reads it'));
    if (this.size === 0) {
      unwritten.add(this);
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.flush();
      }, MAX_DELAY_MS).unref();
    }
    this.lines.push(line);
    this.size += line.length;
    if (this.size >= CHUNK_BYTES) this.flush();
  }

  flush(): void {
    if (this.size === 0 || this.writing) return;
    this.writing = true;
    this.send(this.take());
  }

  /** For the end of the process. */
  flushSync(): void {
    let piece = this.take();
    for (let tries = 0; piece.length > 0 && tries < MAX_FINAL_ATTEMPTS; tries++) {
      try {
        piece = piece.subarray(writeSync(this.fd, piece));
        tries = 0;
      } catch (error) {
        if (!isFull(error)) return this.tell(error as Error);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }

  private take(): Buffer {
    clearTimeout(this.timer);
    this.timer = undefined;
    unwritten.delete(this);
    const piece = Buffer.from(this.lines.join(''));
    this.lines = [];
    this.size = 0;
    return piece;
  }

  private send(piece: Buffer): void {
    write(this.fd, piece, (error, written) => {
      if (isFull(error)) return void setTimeout(() => this.send(piece), RETRY_MS);
      if (!error && written < piece.length) return this.send(piece.subarray(written));
      this.tell(error);
      this.writing = false;
      if (this.size >= CHUNK_BYTES || !this.timer) this.flush();
    });
  }

  /** Says once that lines are lost, and once that they no longer are. */
  private tell(error: Error | null): void {
    if ((error !== null) === this.failing) return;
    this.failing = error !== null;
    const news = error ? `cannot be written, lines are lost: ${error.message}` : 'is written again';
    try {
      writeSync(2, `${this.name} ${news}\n`);
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** A pipe whose reader is slow. */
function isFull(error: unknown): boolean {
  return ['EAGAIN', 'EBUSY'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}
