import { mkdirSync, openSync, write, writeSync } from 'node:fs';
import path from 'node:path';

const MAX_CHUNK_CHARS = 16_384;
/** POSIX writes this much to a pipe in one piece (PIPE_BUF), so lines of several processes do not interleave. */
const MAX_WRITE_BYTES = 4096;
/** Maximum time that a line waits for its chunk to fill. */
const MAX_DELAY_MS = 200;
/** Buffer size past which lines are dropped, because the reader of the pipe is blocked. */
const MAX_BUFFERED_CHARS = 64 * 1024 * 1024;
/** Delay before a full pipe is tried again. */
const RETRY_MS = 50;
const MAX_FINAL_ATTEMPTS = 20;

const unwritten = new Set<BufferedLogWriter>();

process.on('exit', () => {
  for (const writer of unwritten) writer.flushSync();
});

/**
 * Buffers log lines and writes them in chunks from the thread pool. When a write fails, the lines are dropped, standard
 * error says so once, and the next chunk is tried: a full disk must not stop the service.
 *
 * Pino's own destination cannot replace it: `flushSync` of sonic-boom 4.2.1 retries every error forever, so a full disk
 * or a closed pipe would hang the exit of the process, and it skips the chunk that waits for a retry after EAGAIN.
 */
export class BufferedLogWriter {
  private readonly fd: number;
  private lines: string[] = [];
  private size = 0;
  private timer: NodeJS.Timeout | undefined;
  private isWriting = false;
  /** The chunk that waits for a full pipe. */
  private retrying: Buffer = Buffer.alloc(0);
  private hasFailed = false;

  /**
   * @param target an open file descriptor, or a path; its folder is created
   * @param label what the messages on standard error call it
   * @throws Error if the file cannot be opened
   */
  constructor(
    target: number | string,
    private readonly label: string,
  ) {
    try {
      if (typeof target === 'string') mkdirSync(path.dirname(target), { recursive: true });
      this.fd = typeof target === 'string' ? openSync(target, 'a') : target;
    } catch (error) {
      throw new Error(`${label} cannot be opened: ${(error as Error).message}`, { cause: error });
    }
  }

  write(line: string): void {
    if (this.size >= MAX_BUFFERED_CHARS) return this.reportResult(new Error('the reader is blocked'));
    if (this.size === 0) {
      unwritten.add(this);
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.flush();
      }, MAX_DELAY_MS).unref();
    }
    this.lines.push(line);
    this.size += line.length;
    if (this.size >= MAX_CHUNK_CHARS) this.flush();
  }

  flush(): void {
    if (this.size === 0 || this.isWriting) return;
    this.isWriting = true;
    this.writeChunk(this.drainLines());
  }

  /** Writes everything before the process ends. */
  flushSync(): void {
    let chunk = Buffer.concat([this.retrying, this.drainLines()]);
    for (let attempts = 0; chunk.length > 0 && attempts < MAX_FINAL_ATTEMPTS; attempts++) {
      try {
        chunk = chunk.subarray(writeSync(this.fd, chunk, 0, wholeLines(chunk)));
        attempts = 0;
      } catch (error) {
        if (!isPipeFull(error)) return this.reportResult(error as Error);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }

  private drainLines(): Buffer {
    clearTimeout(this.timer);
    this.timer = undefined;
    unwritten.delete(this);
    const chunk = Buffer.from(this.lines.join(''));
    this.lines = [];
    this.size = 0;
    return chunk;
  }

  private writeChunk(chunk: Buffer): void {
    this.retrying = Buffer.alloc(0);
    write(this.fd, chunk, 0, wholeLines(chunk), (error, written) => {
      if (isPipeFull(error)) {
        this.retrying = chunk;
        unwritten.add(this);
        return void setTimeout(() => this.writeChunk(chunk), RETRY_MS);
      }
      if (!error && written < chunk.length) return this.writeChunk(chunk.subarray(written));
      this.reportResult(error);
      this.isWriting = false;
      if (this.size >= MAX_CHUNK_CHARS || !this.timer) this.flush();
    });
  }

  /** Reports the first failure and the first success after it. */
  private reportResult(error: Error | null): void {
    if ((error !== null) === this.hasFailed) return;
    this.hasFailed = error !== null;
    const news = error ? `cannot be written, lines are lost: ${error.message}` : 'is written again';
    try {
      writeSync(2, `${this.label} ${news}\n`);
    } catch {
      // Standard error is closed as well.
    }
  }
}

/** Bytes of the lines at the beginning that fit into one write, at least one line. */
function wholeLines(chunk: Buffer): number {
  if (chunk.length <= MAX_WRITE_BYTES) return chunk.length;
  const end = chunk.lastIndexOf('\n', MAX_WRITE_BYTES - 1);
  return (end < 0 ? chunk.indexOf('\n') : end) + 1 || chunk.length;
}

function isPipeFull(error: unknown): boolean {
  return ['EAGAIN', 'EBUSY'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}
