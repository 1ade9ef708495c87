interface Entry {
  running: number;
  waiting: Set<() => void>;
}

/** Password checks in progress by key. A request over the limit waits for them: one that succeeds refunds its slot. */
export class InFlightAttempts {
  private readonly entries = new Map<string, Entry>();

  start(key: string): void {
    const entry = this.entries.get(key) ?? { running: 0, waiting: new Set() };
    entry.running += 1;
    this.entries.set(key, entry);
  }

  /** The number of attempts besides the caller's, which must have started. */
  countOthers(key: string): number {
    return this.entries.get(key)!.running - 1;
  }

  /** @param refunded wakes one waiting request; the end of the last attempt wakes all */
  finish(key: string, refunded: boolean): void {
    const entry = this.entries.get(key)!;
    entry.running -= 1;
    const woken = entry.running === 0 ? [...entry.waiting] : [...entry.waiting].slice(0, refunded ? 1 : 0);
    if (entry.running === 0) this.entries.delete(key);
    for (const wake of woken) {
      entry.waiting.delete(wake);
      wake();
    }
  }

  /** @returns false at once if no attempt is running, and after `timeoutMs` */
  async waitForRefund(key: string, timeoutMs: number): Promise<boolean> {
    const entry = this.entries.get(key);
    if (!entry || timeoutMs <= 0) return false;
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        entry.waiting.delete(wake);
        resolve(false);
      }, timeoutMs);
      entry.waiting.add(wake);
    });
  }
}
