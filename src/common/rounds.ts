/**
 * Work that comes round again while the process lives. First at a random moment within the interval: instances that start
 * together need not meet.
 */
export class Rounds {
  private timer: NodeJS.Timeout | undefined;

  /** @param interval milliseconds from one beginning to the next */
  constructor(
    private readonly interval: number,
    private readonly work: () => void,
  ) {}

  begin(): void {
    this.timer = setTimeout(() => this.round(), Math.random() * this.interval).unref();
  }

  end(): void {
    clearTimeout(this.timer);
  }

  private round(): void {
    this.work();
    this.timer = setTimeout(() => this.round(), this.interval).unref();
  }
}
