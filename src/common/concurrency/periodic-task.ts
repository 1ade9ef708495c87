import type { Logger } from '../logging/logger.js';

/**
 * Repeats `work`, one run at a time. The first run starts at a random moment within the interval, so that instances that
 * start together do not all work at once.
 */
export class PeriodicTask {
  /** Set by `stop`; work of many steps checks it between them. */
  stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private running = Promise.resolve();
  private hasFailed = false;

  /**
   * @param intervalMs from one start to the next
   * @param failureMessage log line of a failed run
   */
  constructor(
    private readonly intervalMs: number,
    private readonly logger: Logger,
    private readonly failureMessage: string,
    private readonly work: () => Promise<void>,
  ) {}

  start(): void {
    this.timer = setTimeout(() => this.onTimer(), Math.random() * this.intervalMs).unref();
  }

  /** Runs the work once more, after a run in progress, which may have missed the latest change. Never rejects. */
  runNow(): Promise<void> {
    this.running = this.running
      .then(() => this.work())
      .then(
        () => void (this.hasFailed = false),
        (error: unknown) => this.report(error),
      );
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Logs the first of consecutive failures only: a short interval would fill the log. */
  private report(error: unknown): void {
    if (!this.hasFailed) this.logger.warn({ err: error }, `${this.failureMessage}; tried again later`);
    this.hasFailed = true;
  }

  private onTimer(): void {
    void this.runNow();
    this.timer = setTimeout(() => this.onTimer(), this.intervalMs).unref();
  }
}
