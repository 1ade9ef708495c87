import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import bcrypt from 'bcrypt';
import { AppError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { hashingWaiting } from '../common/metrics.js';

/** Longest wait for a turn, milliseconds; the gateway gives up after ten seconds. */
const LONGEST_WAIT = 5000;

/** bcrypt of an unguessable value, made once: an unknown address costs the same compare as a known one. */
const DUMMY_PASSWORD = 'no account has this password';

/**
 * bcrypt (USENIX 1999) behind a bounded queue. As many hashes run at once as there are processors: more would only fill the
 * thread pool that file and name look-ups share. Past the bound the caller gets `busy` at once instead of a late answer.
 */
@Injectable()
export class PasswordHasher {
  private readonly slots = availableParallelism();
  private readonly cost: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  /** Smoothed time of one hash, milliseconds. */
  private typical: number;
  private dummy: Promise<string> | undefined;

  constructor(settings: Settings) {
    this.cost = settings.bcryptCost;
    this.typical = 2 ** this.cost / 20;
  }

  hash(password: string): Promise<string> {
    return this.queued(() => bcrypt.hash(password, this.cost));
  }

  /** Compares with a dummy of the configured cost where there is no hash, so that both cases take the same time. */
  async matches(password: string, hash: string | null): Promise<boolean> {
    this.dummy ??= bcrypt.hash(DUMMY_PASSWORD, this.cost);
    const against = hash ?? (await this.dummy);
    const equal = await this.queued(() => bcrypt.compare(password, against));
    return equal && hash !== null;
  }

  needsRehash(hash: string): boolean {
    return bcrypt.getRounds(hash) !== this.cost;
  }

  private async queued<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.slots) {
      const wait = ((this.waiting.length + 1) * this.typical) / this.slots;
      if (wait > LONGEST_WAIT) throw new AppError('busy', { retryAfter: Math.ceil(wait / 1000) });
      hashingWaiting.set(this.waiting.length + 1);
      // The slot is handed over by the one that leaves, so `running` stays as it is.
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.typical += (performance.now() - started - this.typical) / 8;
      const next = this.waiting.shift();
      hashingWaiting.set(this.waiting.length);
      if (next) next();
      else this.running -= 1;
    }
  }
}
