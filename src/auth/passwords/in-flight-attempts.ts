interface Gate {
  running: number;
  waiting: Set<() => void>;
}

/** Lets those who were refused because of others still under way wait for how it ends for them. */
export class InFlightAttempts {
  private readonly gates = new Map<string, Gate>();

  enter(key: string): void {
    const gate = this.gates.get(key) ?? { running: 0, waiting: new Set() };
    gate.running += 1;
    this.gates.set(key, gate);
  }

  /** How many are under way beside the caller, who has entered. */
  others(key: string): number {
    return this.gates.get(key)!.running - 1;
  }

  /** @param freed whether a place became free; the last one to leave lets everybody look again */
  leave(key: string, freed: boolean): void {
    const gate = this.gates.get(key)!;
    gate.running -= 1;
    const woken = gate.running === 0 ? [...gate.waiting] : [...gate.waiting].slice(0, freed ? 1 : 0);
    if (gate.running === 0) this.gates.delete(key);
    for (const wake of woken) {
      gate.waiting.delete(wake);
      wake();
    }
  }

  /** Waits for a change. @returns false at once where nobody is under way, and after `limit` milliseconds */
  async changed(key: string, limit: number): Promise<boolean> {
    const gate = this.gates.get(key);
    if (!gate || limit <= 0) return false;
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        gate.waiting.delete(wake);
        resolve(false);
      }, limit);
      gate.waiting.add(wake);
    });
  }
}
