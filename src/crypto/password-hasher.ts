import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, OnApplicationBootstrap } from '@nestjs/common';
import { AppError } from '../common/errors.js';
import { toNfc } from '../common/dto/text.js';
import { Settings } from '../config/settings.js';
import { hashingWaiting } from '../common/logging/metrics.js';
import { ComparisonTimes } from './comparison-times.js';
import { FairQueue, type WorkOwner } from './fair-queue.js';
import { hashPassword, isOfScheme, kindOf, type PasswordScheme, verifyPassword } from './password-schemes.js';

/** For queue and work together; the gateway times out after ten seconds. */
export const MAX_WAIT_MS = 6000;

/** Of a password, as code points. */
export const MAX_PASSWORD_CHARS = 128;

/** Threads of libuv's pool that stay free for files and DNS. */
const MIN_SPARE_THREADS = 2;

/** For the service's own commands. */
const NO_OWNER: WorkOwner = { client: '', account: '' };

interface Waiter {
  start: () => void;
  timer: NodeJS.Timeout;
}

/** Decides on the result of a comparison. A refusal does not show the time that it takes. */
export type OnCompared = (matches: boolean) => Promise<boolean>;

const acceptMatch: OnCompared = async (matches) => matches;

/**
 * bcrypt (USENIX 1999) or argon2id (RFC 9106) behind a bounded, fair queue. Hashes run on at most as many threads as there are
 * processors and leave some of the thread pool to files and DNS, which also bounds the memory of argon2id. A caller whose result
 * would come too late gets `busy` at once.
 */
@Injectable()
export class PasswordHasher implements OnApplicationBootstrap {
  private readonly slots: number;
  private readonly scheme: PasswordScheme;
  private readonly times = new ComparisonTimes();
  private readonly waiting = new FairQueue<Waiter>();
  private running = 0;
  /** Moving average of the time that work holds a slot. */
  private averageMs: number;

  constructor({ threadPoolSize, passwordHash, bcryptCost, workers }: Settings) {
    const machineSlots = Math.min(availableParallelism(), threadPoolSize - MIN_SPARE_THREADS);
    this.slots = Math.max(1, Math.floor(machineSlots / workers.count));
    this.scheme = { kind: passwordHash, cost: bcryptCost };
    this.averageMs = 2 ** bcryptCost / 20;
  }

  /** Measures both kinds: the accounts may still have hashes of the one that is no longer configured. */
  onApplicationBootstrap(): void {
    for (const kind of new Set(['bcrypt', this.scheme.kind] as const))
      void this.runInSlot(NO_OWNER, async () => {
        const started = performance.now();
        const stored = await hashPassword('', { ...this.scheme, kind });
        this.times.add(kindOf(stored), performance.now() - started);
      });
  }

  hash(password: string, owner = NO_OWNER): Promise<string> {
    return this.runInSlot(owner, () => hashPassword(password, this.scheme));
  }

  /**
   * Every refusal takes a turn of the time of the slowest kind of hash, also where there is no hash to compare with.
   * @param timeoutMs milliseconds until the caller needs the result
   * @returns null for a wrong password
   * @throws AppError `busy` where that cannot be kept
   */
  match(
    password: string,
    hash: string | null,
    timeoutMs = MAX_WAIT_MS,
    owner = NO_OWNER,
    onCompared = acceptMatch,
  ): Promise<true | null> {
    return this.runInSlot(owner, async () => (await this.compare(password, hash, onCompared)) || null, timeoutMs);
  }

  /**
   * Compares the current password and, if it is right, hashes the next one, within one slot and one timeout.
   * @returns null for a wrong password
   */
  replace(
    current: string,
    hash: string | null,
    next: string,
    timeoutMs = MAX_WAIT_MS,
    owner = NO_OWNER,
    onCompared = acceptMatch,
  ): Promise<string | null> {
    const work = async () => ((await this.compare(current, hash, onCompared)) ? hashPassword(next, this.scheme) : null);
    return this.runInSlot(owner, work, timeoutMs);
  }

  isCurrent(hash: string): boolean {
    return isOfScheme(hash, this.scheme);
  }

  /** @returns null where no processor is idle */
  async rehash(password: string): Promise<string | null> {
    return this.running >= this.slots ? null : this.hash(password);
  }

  private async compare(password: string, hash: string | null, onCompared: OnCompared): Promise<boolean> {
    const started = performance.now();
    const isPossible = hash !== null && [...password].length <= MAX_PASSWORD_CHARS;
    const matches = isPossible && (await verifyPassword(password, hash));
    const spellings = password === toNfc(password) ? 1 : 2;
    if (isPossible && spellings === 1) this.times.add(kindOf(hash), performance.now() - started);
    if (await onCompared(matches)) return true;
    await sleep(Math.max(0, started + this.times.slowest * spellings - performance.now()));
    return false;
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
