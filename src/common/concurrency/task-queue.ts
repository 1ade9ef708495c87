type Task = () => Promise<void>;

/**
 * Runs background tasks, a limited number at once. Not a `Semaphore`: no caller waits for a task, and a shutdown has to wait
 * for all of them or drop the rest. Tasks handle their own errors.
 */
export class TaskQueue {
  private readonly waiting: Task[] = [];
  private readonly idleListeners: (() => void)[] = [];
  private running = 0;

  constructor(private readonly concurrency: number) {}

  /** Tasks that wait or run. */
  get size(): number {
    return this.waiting.length + this.running;
  }

  push(task: Task): void {
    this.waiting.push(task);
    this.startTasks();
  }

  /** Drops the tasks that have not started. */
  clear(): void {
    this.waiting.length = 0;
  }

  async idle(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.idleListeners.push(resolve));
  }

  private startTasks(): void {
    while (this.running < this.concurrency && this.waiting.length > 0) void this.runTask(this.waiting.shift()!);
    if (this.size === 0) for (const resolve of this.idleListeners.splice(0)) resolve();
  }

  private async runTask(task: Task): Promise<void> {
    this.running += 1;
    try {
      // The caller does not wait for the synchronous part of the task.
      await new Promise((resolve) => setImmediate(resolve));
      await task();
    } finally {
      this.running -= 1;
      this.startTasks();
    }
  }
}
