import type { Redis } from 'ioredis';
import type { Logger } from '../common/logging/logger.js';
import { isReply, probeWrite, refusesWork } from './redis-refusals.js';

/** Redis is not configured, or was found not to answer a moment ago. Callers go to PostgreSQL or to memory instead. */
export class RedisUnavailable extends Error {}

/** Milliseconds between the probes that look whether Redis is back. */
const PROBE_INTERVAL_MS = 250;
/** Answers in a row that have to be quick before Redis is used again. */
const MIN_PROBE_ATTEMPTS = 3;
/** Milliseconds past which an answer is slow. A request asks a few times in a row, so this is no more than a fifth of what it has. */
const SLOW_MS = 10;
/** Milliseconds past which a probe without any answer takes its connection for dead; less than the library's time-out. */
const DEAD_CONNECTION_MS = 1500;

/** Keys that are read together, each with its place, and what will stand under them. */
interface Reading {
  places: Map<string, number>;
  values: Promise<(string | null)[]>;
}

/**
 * A circuit breaker (Nygard, Release It!) around the one Redis connection: the first command that fails or times out opens it,
 * so does a run of slow ones; everybody after that is refused at once, and a probe in the background, never a request, finds
 * out when Redis is back.
 */
export class CircuitBreaker {
  /** Milliseconds that a command may take, and so may a run of slow ones, with no quick one among them, together. */
  timeoutMs = 40;
  private opened = false;
  /** Milliseconds that such a run has taken, and until when. Commands at the same time count once. */
  private slowMs = 0;
  private slowUntil = 0;
  private probeTimer: NodeJS.Timeout | undefined;
  private reading: Reading | undefined;

  constructor(
    /** null: not configured, every call is refused. */
    readonly redis: Redis | null,
    private readonly logger: Logger,
    private readonly label = 'Redis',
  ) {
    redis?.on('error', (error) => this.open(error));
  }

  get available(): boolean {
    return this.redis !== null && !this.opened;
  }

  /** @throws RedisUnavailable at once while open, and after `patience` when it opens */
  async run<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.redis || this.opened) throw new RedisUnavailable();
    try {
      return await this.withTimeout(command(this.redis));
    } catch (error) {
      // What a server that works refuses (a wrong type, a script error) is a bug, not an outage.
      if (isReply(error) && !refusesWork(error)) throw error;
      this.open(error);
      if (refusesWork(error)) this.reconnect();
      throw new RedisUnavailable(undefined, { cause: error });
    }
  }

  /**
   * A plain value, null where there is none. What all requests of one turn of the event loop ask for goes out as one MGET: a
   * command of its own for each look-up costs this process more than Redis.
   * @throws RedisUnavailable like `run`
   */
  async read(key: string): Promise<string | null> {
    if (!this.available) throw new RedisUnavailable();
    const reading = (this.reading ??= this.startReading());
    const { places, values } = reading;
    const place = places.get(key) ?? places.size;
    places.set(key, place);
    return (await values)[place]!;
  }

  private startReading(): Reading {
    const places = new Map<string, number>();
    const values = new Promise<(string | null)[]>((resolve, reject) => {
      setImmediate(() => {
        this.reading = undefined;
        this.run((redis) => redis.mget([...places.keys()])).then(resolve, reject);
      });
    });
    return { places, values };
  }

  stop(): void {
    clearTimeout(this.probeTimer);
    this.redis?.disconnect();
  }

  private open(cause: unknown): void {
    if (this.opened) return;
    this.opened = true;
    // The message alone: the error may carry the command with its values.
    const reason = `${this.label}: ${(cause as Error).message}`;
    this.logger.warn({ reason }, 'Redis does not do its work; working without it');
    this.scheduleProbe();
  }

  private scheduleProbe(): void {
    this.probeTimer = setTimeout(() => {
      this.probe().then(
        () => this.close(),
        () => this.scheduleProbe(),
      );
    }, PROBE_INTERVAL_MS).unref();
  }

  private async probe(): Promise<void> {
    for (let count = 0; count < MIN_PROBE_ATTEMPTS; count += 1) {
      let slow = false;
      let stop = whenUnanswered(SLOW_MS, () => {
        slow = true;
        stop = whenUnanswered(DEAD_CONNECTION_MS - SLOW_MS, () => this.reconnect());
      });
      // Waited for even when it is slow: unanswered ones would pile up in the connection.
      await probeWrite(this.redis!)
        .catch((error: unknown) => {
          if (refusesWork(error)) this.reconnect();
          throw error;
        })
        .finally(() => stop());
      if (slow) throw new Error('no answer in time');
    }
  }

  /**
   * The host may be gone without a word, or have become a replica, and another in its place: the name is looked up anew. A
   * silent socket would stay open for a quarter of an hour, one to a replica for ever. Only what is ready: a connection still looking for its primary ends for good when it is broken off.
   */
  private reconnect(): void {
    if (this.redis!.status === 'ready') this.redis!.disconnect(true);
  }

  private close(): void {
    this.opened = false;
    this.slowMs = 0;
    this.logger.info('Redis answers again');
  }

  private withTimeout<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const sent = performance.now();
      let slow = false;
      let stop = whenUnanswered(SLOW_MS, () => {
        slow = true;
        const left = Math.max(0, this.timeoutMs - this.slowMs - SLOW_MS);
        stop = whenUnanswered(left, () => reject(new Error('no answer in time')));
      });
      void answer.then(resolve, reject).finally(() => {
        stop();
        this.recordLatency(slow ? sent : null);
      });
    });
  }

  /** @param slowSince when a command that was slow was sent; null: it was quick */
  private recordLatency(slowSince: number | null): void {
    if (slowSince === null) return void (this.slowMs = 0);
    const now = performance.now();
    this.slowMs += now - Math.max(slowSince, this.slowUntil);
    this.slowUntil = now;
  }
}

/**
 * Counts the time of Redis, not of this process, which may be busy for longer than that: from the end of this turn of the
 * event loop, when what is sent leaves, and what has arrived at the end is read before it is called late.
 * @returns to be called when the answer is there
 */
function whenUnanswered(milliseconds: number, late: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate = setImmediate(() => {
    // Timers run before what has arrived is read; what is set immediate runs after.
    timer = setTimeout(() => (turn = setImmediate(late)), milliseconds);
  });
  return () => {
    clearImmediate(turn);
    clearTimeout(timer);
  };
}
