import { availableParallelism } from 'node:os';
import { Injectable, OnApplicationBootstrap } from '@nestjs/common';
import bcrypt from 'bcrypt';
import { AppError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { hashingWaiting } from '../common/logging/metrics.js';
import { FairQueue, type WorkOwner } from './fair-queue.js';
import { parseForeignHash } from './foreign-hashes.js';

/** For queue and work together; the gateway times out after ten seconds. */
export const MAX_WAIT_MS = 6000;

/** Threads of libuv's pool that stay free for files and DNS. */
const MIN_SPARE_THREADS = 2;

/** Compared for unknown addresses, so that they take as long as known ones (OWASP Authentication Cheat Sheet). */
const DUMMY_PASSWORD = 'no account has this password';

/** bcrypt ignores the rest, so longer passwords with the same start would match. */
const MAX_BYTES = 72;

/** Marks an imported hash, which is replaced at the next sign-in. */
export const IMPORTED_PREFIX = 'imported:';

const fitsBcrypt = (password: string) => Buffer.byteLength(password) <= MAX_BYTES;

/** Browsers and systems compose letters differently (RFC 8265, §4.2). */
const toNfc = (password: string) => password.normalize('NFC');

/** For the service's own commands. */
const NO_OWNER: WorkOwner = { client: '', account: '' };

interface Waiter {
  start: () => void;
  timer: NodeJS.Timeout;
}

/**
 * bcrypt (USENIX 1999) behind a bounded, fair queue. Hashes run on at most as many threads as there are processors and leave
 * some of the thread pool to files and DNS. A caller whose result would come too late gets `busy` at once.
 */
@Injectable()
export class PasswordHasher implements OnApplicationBootstrap {
  private readonly slots: number;
  private readonly cost: number;
  private readonly waiting = new FairQueue<Waiter>();
  private running = 0;
  /** Moving average of the time that work holds a slot. */
  private averageMs: number;
  private dummy: Promise<string> | undefined;

  constructor(settings: Settings) {
    this.slots = Math.max(1, Math.min(availableParallelism(), settings.threadPoolSize - MIN_SPARE_THREADS));
    this.cost = settings.bcryptCost;
    this.averageMs = 2 ** this.cost / 20;
  }

  onApplicationBootstrap(): void {
    // Otherwise the first unknown address would take twice the time.
    void this.dummyHash();
  }

  hash(password: string, owner = NO_OWNER): Promise<string> {
    return this.runInSlot(owner, () => bcrypt.hash(toNfc(password), this.cost));
  }

  /**
   * Compares with a dummy of the configured cost if `hash` is null, so that both cases take the same time.
   * @returns the spelling that was hashed, for `rehashIfNeeded`; null for a wrong password
   * @throws AppError `busy` if the result would come after `timeoutMs`
   */
  async match(
    password: string,
    hash: string | null,
    timeoutMs = MAX_WAIT_MS,
    owner = NO_OWNER,
  ): Promise<string | null> {
    const target = hash ?? (await this.dummyHash());
    const spelling = await this.runInSlot(owner, () => findSpelling(password, target), timeoutMs);
    return hash === null ? null : spelling;
  }

  /**
   * Compares the current password and, if it is right, hashes the next one, within one slot and one timeout.
   * @returns null for a wrong password
   */
  async replace(
    current: string,
    hash: string | null,
    next: string,
    timeoutMs = MAX_WAIT_MS,
    owner = NO_OWNER,
  ): Promise<string | null> {
    const target = hash ?? (await this.dummyHash());
    const work = async () => {
      const spelling = await findSpelling(current, target);
      return spelling !== null && hash !== null ? bcrypt.hash(toNfc(next), this.cost) : null;
    };
    return this.runInSlot(owner, work, timeoutMs);
  }

  /**
   * Replaces a hash of another cost, or of a spelling other than NFC.
   * @param spelling the result of `match`
   * @returns null if that is not needed, or all slots are in use
   */
  async rehashIfNeeded(spelling: string | null, hash: string | null, owner: WorkOwner): Promise<string | null> {
    if (spelling === null || !hash || this.running >= this.slots) return null;
    // bcrypt would truncate a password that is too long; some imported formats do not.
    if (hash.startsWith(IMPORTED_PREFIX)) return fitsBcrypt(toNfc(spelling)) ? this.hash(spelling, owner) : null;
    const isCurrent = bcrypt.getRounds(hash) === this.cost && spelling === toNfc(spelling);
    return isCurrent ? null : this.hash(spelling, owner);
  }

  private dummyHash(): Promise<string> {
    return (this.dummy ??= bcrypt.hash(DUMMY_PASSWORD, this.cost));
  }

  private async runInSlot<T>(owner: WorkOwner, work: () => Promise<T>, timeoutMs = MAX_WAIT_MS): Promise<T> {
    if (this.running >= this.slots) await this.waitForSlot(owner, timeoutMs - this.averageMs);
    else this.running += 1;
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.averageMs += (performance.now() - started - this.averageMs) / 8;
      this.releaseSlot(owner);
    }
  }

  /** `releaseSlot` hands the slot over, so `running` does not change. */
  private async waitForSlot(owner: WorkOwner, timeoutMs: number): Promise<void> {
    const estimateMs = ((this.waiting.ahead(owner) + 1) * this.averageMs) / this.slots;
    if (estimateMs > timeoutMs) throw new AppError('busy', { retryAfter: Math.ceil(estimateMs / 1000) });
    return new Promise((start, fail) => {
      // The estimate may have been too low.
      const timer = setTimeout(() => {
        this.waiting.remove(owner, waiter);
        fail(new AppError('busy', { retryAfter: 1 }));
      }, timeoutMs);
      const waiter: Waiter = { start, timer };
      this.waiting.add(owner, waiter);
      hashingWaiting.set(this.waiting.size);
    });
  }

  private releaseSlot(served: WorkOwner): void {
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
 * Older hashes are of the password as typed. If that is not NFC, both spellings are always compared, so that the time depends
 * only on the input, never on the account.
 */
async function findSpelling(password: string, hash: string): Promise<string | null> {
  let found: string | null = null;
  for (const spelling of new Set([password, toNfc(password)])) if (await compare(spelling, hash)) found = spelling;
  return found;
}

async function compare(spelling: string, hash: string): Promise<boolean> {
  if (!hash.startsWith(IMPORTED_PREFIX)) return (await bcrypt.compare(spelling, hash)) && fitsBcrypt(spelling);
  const matches = parseForeignHash(hash.slice(IMPORTED_PREFIX.length));
  return matches ? matches(spelling) : false;
}
