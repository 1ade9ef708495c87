import { AppError } from '../errors.js';

/** So many pieces of work at once; the others wait their turn, but not for ever. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];

  /** @param longestWait milliseconds */
  constructor(
    private free: number,
    private readonly longestWait: number,
  ) {}

  /** @throws AppError `busy` where no slot became free in time */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await this.acquire();
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // Handed over rather than freed: a newcomer cannot slip in between.
      if (next) next();
      else this.free += 1;
    }
  }

  private acquire(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(new AppError('busy', { retryAfter: 1 }));
      }, this.longestWait);
      this.waiting.push(enter);
    });
  }
}
