import { destination } from 'pino';

/** Characters handed on at once, and the longest that a line waits, milliseconds. */
const PIECE = 16_384;
const LONGEST = 200;

/**
 * Bytes at which the destination would begin to write by itself. Beyond any piece: at the end of the process a write that has
 * just begun on another thread may be lost, while what still waits is written at once. Its own interval is for what was
 * handed on while it wrote.
 */
const WHEN_TOLD = { minLength: 1024 * 1024 - 1, maxWrite: 1024 * 1024, periodicFlush: LONGEST };

const unwritten = new Set<LineBuffer>();

// However the process ends, short of SIGKILL, the last lines are those that matter.
process.on('exit', () => {
  for (const buffer of unwritten) buffer.flushSync();
});

/**
 * Collects lines and hands them on in pieces. The stream of the log's library can do so too, but counts the bytes of all that
 * it holds with each line, which cost more than the line.
 */
export class LineBuffer {
  private readonly target: ReturnType<typeof destination>;
  private lines: string[] = [];
  private size = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param where an open file, or the path of one whose folder is made */
  constructor(where: { fd: number } | { dest: string }) {
    this.target = destination({ ...where, mkdir: true, sync: false, ...WHEN_TOLD });
  }

  write(line: string): void {
    if (this.size === 0) {
      unwritten.add(this);
      this.timer = setTimeout(() => this.flush(), LONGEST).unref();
    }
    this.lines.push(line);
    this.size += line.length;
    if (this.size >= PIECE) this.flush();
  }

  flush(): void {
    if (this.size === 0) return;
    this.handOn();
    this.target.flush();
  }

  /** For the end of the process, when nothing more can be done about a file that is not open yet. */
  flushSync(): void {
    this.handOn();
    try {
      this.target.flushSync();
    } catch {
      // Not open.
    }
  }

  private handOn(): void {
    clearTimeout(this.timer);
    unwritten.delete(this);
    this.target.write(this.lines.join(''));
    this.lines = [];
    this.size = 0;
  }
}
