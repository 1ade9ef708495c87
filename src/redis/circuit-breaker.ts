import type { Redis } from 'ioredis';
import type { Logger } from '../common/logging/logger.js';
import { redisCircuitOpen } from '../common/logging/metrics.js';
import { GetBatcher } from './get-batcher.js';
import { isReply, probeWrite, refusesWork } from './redis-refusals.js';

/** Redis is not configured, or the circuit is open. Callers fall back to PostgreSQL or to memory. */
export class RedisUnavailable extends Error {}

const PROBE_INTERVAL_MS = 250;
/** Consecutive quick probes that close the circuit. */
const MIN_PROBE_ATTEMPTS = 3;
/** Latency of a slow answer. A request sends several commands in sequence, so this is a fifth of its time for Redis. */
const SLOW_MS = 10;
/** A probe that is unanswered for this long makes the connection dead; shorter than `commandTimeout`. */
const DEAD_CONNECTION_MS = 1500;

/**
 * A circuit breaker (Nygard, Release It!) around the Redis connection. A command that fails or times out opens it, and so does a
 * run of slow ones. While it is open, commands are refused at once, and background probes find out when Redis is back. By hand,
 * because the libraries count failures, whereas one slow answer is already too much for a request.
 */
export class CircuitBreaker {
  /** Of a command, and of consecutive slow ones together. */
  timeoutMs = 40;
  private opened = false;
  /** Duration and end of the current run of slow commands; concurrent ones count once. */
  private slowMs = 0;
  private slowUntil = 0;
  private probeTimer: NodeJS.Timeout | undefined;
  private readonly batcher = new GetBatcher((keys) => this.run((redis) => redis.mget(keys)));

  constructor(
    /** null: not configured; every call is refused. */
    readonly redis: Redis | null,
    private readonly logger: Logger,
    private readonly label = 'Redis',
  ) {
    redis?.on('error', (error) => this.open(error));
  }

  get available(): boolean {
    return this.redis !== null && !this.opened;
  }

  /** @throws RedisUnavailable at once while open, or after at most `timeoutMs` */
  async run<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.redis || this.opened) throw new RedisUnavailable();
    try {
      return await this.withTimeout(command(this.redis));
    } catch (error) {
      // An error reply of a working server (a wrong type, a script error) is a bug, not an outage.
      if (isReply(error) && !refusesWork(error)) throw error;
      this.open(error);
      if (refusesWork(error)) this.reconnect();
      throw new RedisUnavailable(undefined, { cause: error });
    }
  }

  /** @throws RedisUnavailable like `run` */
  async get(key: string): Promise<string | null> {
    if (!this.available) throw new RedisUnavailable();
    return this.batcher.get(key);
  }

  stop(): void {
    clearTimeout(this.probeTimer);
    this.redis?.disconnect();
  }

  private open(cause: unknown): void {
    if (this.opened) return;
    this.opened = true;
    redisCircuitOpen.set(1);
    // Only the message: the error may contain the command with its values.
    const reason = `${this.label}: ${(cause as Error).message}`;
    this.logger.warn({ reason }, 'Redis failed or was too slow; working without it');
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
      // A slow probe is awaited too: unanswered ones would pile up in the connection.
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
   * Resolves the host name again, because another server may have replaced this one. A dead socket would stay open for 15
   * minutes, one to a replica forever. Only while ready: ioredis gives up for good if it is interrupted while connecting.
   */
  private reconnect(): void {
    if (this.redis!.status === 'ready') this.redis!.disconnect(true);
  }

  private close(): void {
    this.opened = false;
    redisCircuitOpen.set(0);
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

  /** @param slowSince when a slow command was sent; null after a quick one */
  private recordLatency(slowSince: number | null): void {
    if (slowSince === null) return void (this.slowMs = 0);
    const now = performance.now();
    this.slowMs += now - Math.max(slowSince, this.slowUntil);
    this.slowUntil = now;
  }
}

/**
 * Measures the latency of Redis without the lag of this process: starts at the end of this turn of the event loop, when the
 * command is sent, and reads arrived answers before it calls `late`.
 * @returns call it when the answer is there
 */
function whenUnanswered(milliseconds: number, late: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate = setImmediate(() => {
    // Timers run before the poll phase, which reads answers; immediates run after it.
    timer = setTimeout(() => (turn = setImmediate(late)), milliseconds).unref();
  });
  return () => {
    clearImmediate(turn);
    clearTimeout(timer);
  };
}
