import type { Logger } from '../logging/logger.js';

/**
 * Work that comes round again while the process lives, never twice at once. First at a random moment within the interval:
 * instances that start together need not meet.
 */
export class PeriodicTask {
  /** True from the end of the process on: work of many steps stops at the next one. */
  stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private running = Promise.resolve();
  private failing = false;

  /**
   * @param interval milliseconds from one beginning to the next
   * @param failed what the log says of a round that failed; the next one tries again
   */
  constructor(
    private readonly interval: number,
    private readonly logger: Logger,
    private readonly failed: string,
    private readonly work: () => Promise<void>,
  ) {}

  start(): void {
    this.timer = setTimeout(() => this.tick(), Math.random() * this.interval).unref();
  }

  /** A round now, after the one that runs already: that may have looked just before there was something. Never rejects. */
  runNow(): Promise<void> {
    this.running = this.running
      .then(() => this.work())
      .then(
        () => (this.failing = false),
        (error: unknown) => this.report(error),
      )
      .then(() => undefined);
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Once an outage: work that comes round often would fill the log. */
  private report(error: unknown): void {
    if (!this.failing) this.logger.warn({ err: error }, `${this.failed}; tried again later`);
    this.failing = true;
  }

  private tick(): void {
    void this.runNow();
    this.timer = setTimeout(() => this.tick(), this.interval).unref();
  }
}
