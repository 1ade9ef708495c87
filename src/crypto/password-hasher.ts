import { availableParallelism } from 'node:os';
import { Injectable, OnApplicationBootstrap } from '@nestjs/common';
import bcrypt from 'bcrypt';
import { AppError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { hashingWaiting } from '../common/logging/metrics.js';
import { FairQueue, type WorkOwner } from './fair-queue.js';
import { parseForeignHash } from './foreign-hashes.js';

/** Milliseconds that a caller may wait for its result; the gateway gives up after ten seconds. */
export const MAX_WAIT_MS = 6000;

/** Threads of Node's pool that are left to file and name look-ups. */
const MIN_SPARE_THREADS = 2;

/** What an unknown address is compared with: it costs the same as a known one. */
const DUMMY_PASSWORD = 'no account has this password';

/** bcrypt reads no further: whatever follows would be as good as the password itself. */
const MAX_BYTES = 72;

/** Before a hash of an import, which compares as its maker did and is rewritten at the next sign-in. */
export const IMPORTED_PREFIX = 'imported:';

const readWhole = (password: string) => Buffer.byteLength(password) <= MAX_BYTES;

/** What is hashed: browsers and systems compose letters differently (RFC 8265, §4.2). */
const toNfc = (password: string) => password.normalize('NFC');

/** The service's own commands. */
const NO_OWNER: WorkOwner = { client: '', account: '' };

interface Waiter {
  start: () => void;
  timer: NodeJS.Timeout;
}

/**
 * bcrypt (USENIX 1999) behind a bounded queue. As many hashes run at once as there are processors, and never so many that
 * they fill the thread pool, which file and name look-ups share. Past the bound the caller gets `busy` at once instead of a
 * late answer. The queue is fair between clients and between accounts.
 */
@Injectable()
export class PasswordHasher implements OnApplicationBootstrap {
  private readonly slots: number;
  private readonly cost: number;
  private readonly waiting = new FairQueue<Waiter>();
  private running = 0;
  /** Smoothed time of one turn, milliseconds. */
  private typical: number;
  private dummy: Promise<string> | undefined;

  constructor(settings: Settings) {
    this.slots = Math.max(1, Math.min(availableParallelism(), settings.threadPoolSize - MIN_SPARE_THREADS));
    this.cost = settings.bcryptCost;
    this.typical = 2 ** this.cost / 20;
  }

  onApplicationBootstrap(): void {
    // Else the first unknown address would take twice the time.
    void this.dummyHash();
  }

  hash(password: string, owner = NO_OWNER): Promise<string> {
    return this.queued(owner, () => bcrypt.hash(toNfc(password), this.cost));
  }

  /**
   * Compares with a dummy of the configured cost where there is no hash, so that both cases take the same time.
   * @param limit milliseconds until the caller needs the result
   * @returns the spelling that the hash was made of, for `renewed`; null for a wrong password
   * @throws AppError `busy` where that cannot be kept
   */
  async match(password: string, hash: string | null, limit = MAX_WAIT_MS, owner = NO_OWNER): Promise<string | null> {
    const against = hash ?? (await this.dummyHash());
    const spelling = await this.queued(owner, () => findSpelling(password, against), limit);
    return hash === null ? null : spelling;
  }

  /**
   * Compares, and hashes the next password where the current one is right; both in one turn, so that the bound on the time
   * holds for the whole.
   * @returns null for a wrong password
   */
  async replace(
    current: string,
    hash: string | null,
    next: string,
    limit = MAX_WAIT_MS,
    owner = NO_OWNER,
  ): Promise<string | null> {
    const against = hash ?? (await this.dummyHash());
    return this.queued(
      owner,
      async () => {
        const spelling = await findSpelling(current, against);
        return spelling !== null && hash !== null ? bcrypt.hash(toNfc(next), this.cost) : null;
      },
      limit,
    );
  }

  /**
   * A hash of the configured cost and of NFC in place of one of another, null where there is no need or no time for it now.
   * @param spelling what `match` found
   */
  async rehashIfNeeded(spelling: string | null, hash: string | null, owner: WorkOwner): Promise<string | null> {
    if (spelling === null || !hash || this.running >= this.slots) return null;
    // Until then the maker's hash is the only one that reads the whole password.
    if (hash.startsWith(IMPORTED_PREFIX)) return readWhole(toNfc(spelling)) ? this.hash(spelling, owner) : null;
    const isCurrent = bcrypt.getRounds(hash) === this.cost && spelling === toNfc(spelling);
    return isCurrent ? null : this.hash(spelling, owner);
  }

  private dummyHash(): Promise<string> {
    return (this.dummy ??= bcrypt.hash(DUMMY_PASSWORD, this.cost));
  }

  private async queued<T>(owner: WorkOwner, work: () => Promise<T>, limit = MAX_WAIT_MS): Promise<T> {
    if (this.running >= this.slots) await this.turn(owner, limit - this.typical);
    else this.running += 1;
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.typical += (performance.now() - started - this.typical) / 8;
      this.next(owner);
    }
  }

  /** Waits in line. The slot is handed over by the one that leaves, so `running` stays as it is. */
  private async turn(owner: WorkOwner, patience: number): Promise<void> {
    const ahead = ((this.waiting.ahead(owner) + 1) * this.typical) / this.slots;
    if (ahead > patience) throw new AppError('busy', { retryAfter: Math.ceil(ahead / 1000) });
    return new Promise((start, fail) => {
      // The estimate may have been too bright.
      const timer = setTimeout(() => {
        this.waiting.remove(owner, waiter);
        fail(new AppError('busy', { retryAfter: 1 }));
      }, patience);
      const waiter: Waiter = { start, timer };
      this.waiting.add(owner, waiter);
      hashingWaiting.set(this.waiting.size);
    });
  }

  private next(served: WorkOwner): void {
    this.waiting.moveBack(served);
    const waiter = this.waiting.next();
    if (!waiter) this.running -= 1;
    else {
      clearTimeout(waiter.timer);
      waiter.start();
    }
    hashingWaiting.set(this.waiting.size);
  }
}

/**
 * Older hashes were made of what was typed. Where that is not NFC both are compared, whichever fits: the time depends on what is
 * typed alone, never on the account.
 */
async function findSpelling(password: string, hash: string): Promise<string | null> {
  let found: string | null = null;
  for (const spelling of new Set([password, toNfc(password)])) if (await compare(spelling, hash)) found = spelling;
  return found;
}

async function compare(spelling: string, hash: string): Promise<boolean> {
  if (!hash.startsWith(IMPORTED_PREFIX)) return (await bcrypt.compare(spelling, hash)) && readWhole(spelling);
  const matches = parseForeignHash(hash.slice(IMPORTED_PREFIX.length));
  return matches ? matches(spelling) : false;
}
