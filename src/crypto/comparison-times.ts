/** A single sample counts as at most this many times the value before. */
const MAX_JUMP_RATIO = 2;

/**
 * How long comparisons take by kind of hash. Values rise fast and fall slowly: few comparisons take longer, so that a refusal
 * that takes as long as the slowest kind does not reveal the kind, nor whether there was one.
 */
export class ComparisonTimes {
  private readonly byKind = new Map<string, number>();

  add(kind: string, ms: number): void {
    const before = this.byKind.get(kind);
    if (before === undefined) return void this.byKind.set(kind, ms);
    const sample = Math.min(ms, before * MAX_JUMP_RATIO);
    this.byKind.set(kind, before + (sample - before) / (sample > before ? 2 : 64));
  }

  /** Milliseconds. */
  get slowest(): number {
    return Math.max(0, ...this.byKind.values());
  }
}
