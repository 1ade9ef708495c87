type Job = () => Promise<void>;

/** Work beside the requests: so many jobs at once, the others in line. A job sees to its own errors. */
export class TaskQueue {
  private readonly waiting: Job[] = [];
  private readonly whenIdle: (() => void)[] = [];
  private running = 0;

  constructor(private readonly concurrency: number) {}

  /** Jobs that wait or run. */
  get size(): number {
    return this.waiting.length + this.running;
  }

  push(job: Job): void {
    this.waiting.push(job);
    this.next();
  }

  /** Forgets the jobs that have not begun. */
  clear(): void {
    this.waiting.length = 0;
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  private next(): void {
    while (this.running < this.concurrency && this.waiting.length > 0) void this.run(this.waiting.shift()!);
    if (this.size === 0) for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private async run(job: Job): Promise<void> {
    this.running += 1;
    try {
      // Begins in a turn of its own: the caller is not held up by the job's first steps.
      await new Promise((resolve) => setImmediate(resolve));
      await job();
    } finally {
      this.running -= 1;
      this.next();
    }
  }
}
