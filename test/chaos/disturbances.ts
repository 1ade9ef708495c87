/**
 * Faults in progress, which excuse some failed answers: an instance that is `down` or `paused`, PostgreSQL
 * that is `away` (cut, frozen, killed) or `slow`, and the others, which excuse only a stale cache.
 */
export type Kind = 'down' | 'paused' | 'postgres' | 'slow postgres' | 'redis' | 'kafka';

interface Window {
  kind: Kind;
  /** null: all instances. */
  instance: number | null;
  from: number;
  to: number;
}

/** Time after a fault in which its effects are still excused. */
const GRACE: Record<Kind, number> = {
  down: 500,
  paused: 1000,
  postgres: 1000,
  'slow postgres': 1000,
  redis: 0,
  kafka: 0,
};

/** Times in milliseconds of `performance.now()`. */
export class Disturbances {
  private readonly windows: Window[] = [];

  /** @returns ends the fault; idempotent */
  begin(kind: Kind, instance: number | null): () => void {
    const window: Window = { kind, instance, from: performance.now(), to: Infinity };
    this.windows.push(window);
    return () => {
      window.to = Math.min(window.to, performance.now());
    };
  }

  /** Whether a fault of these kinds affected the instance (null: any) in this period. */
  touched(kinds: Kind[], instance: number | null, from: number, to: number, grace?: number): boolean {
    return this.windows.some(
      (window) =>
        kinds.includes(window.kind) &&
        (instance === null || window.instance === null || window.instance === instance) &&
        window.from <= to &&
        window.to + (grace ?? GRACE[window.kind]) >= from,
    );
  }
}
