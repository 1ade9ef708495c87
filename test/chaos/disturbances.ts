/**
 * What the campaign does to the service, as far as it excuses an answer: an instance that is `down` or `paused`, PostgreSQL
 * that is `away` (cut, frozen, killed) or `slow`, and the others, which excuse nothing but may leave a cache behind for a while.
 */
export type Kind = 'down' | 'paused' | 'postgres' | 'slow postgres' | 'redis' | 'kafka';

interface Window {
  kind: Kind;
  /** null: all instances. */
  instance: number | null;
  from: number;
  to: number;
}

/** Milliseconds after the end of a disturbance in which its effects are still excused. */
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

  /** @returns ends it; harmless when called again */
  begin(kind: Kind, instance: number | null): () => void {
    const window: Window = { kind, instance, from: performance.now(), to: Infinity };
    this.windows.push(window);
    return () => {
      window.to = Math.min(window.to, performance.now());
    };
  }

  /** Whether one of the kinds was on for the instance (null: for any) between the two moments. */
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
