import { AppError } from '../errors.js';

const MAX_QUEUED_ENTRIES = 100;

/** Limits how many tasks run at once; the others queue in order, up to a bounded length and time. */
export class Semaphore {
  private readonly queue: (() => void)[] = [];

  constructor(
    private free: number,
    private readonly maxWaitMs: number,
  ) {}

  /** @throws AppError `busy` if the queue is full, or no slot became free in time */
  async runExclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await this.waitForSlot();
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      // The slot passes on to the next in the queue, so that a newcomer cannot take it.
      if (next) next();
      else this.free += 1;
    }
  }

  private waitForSlot(): Promise<void> {
    if (this.queue.length >= MAX_QUEUED_ENTRIES) throw new AppError('busy', { retryAfter: 1 });
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(enter), 1);
        reject(new AppError('busy', { retryAfter: 1 }));
      }, this.maxWaitMs);
      this.queue.push(enter);
    });
  }
}
