import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { OnApplicationShutdown } from '@nestjs/common';
import { primary } from '../../common/concurrency/process-requests.js';
import { AppError } from '../../common/errors.js';
import { strengthWaiting } from '../../common/logging/metrics.js';

/** The dictionaries take 90 MB. */
const MAX_IDLE_MS = 5 * 60 * 1000;

/** Of all that wait together; a hostile password takes about a millisecond for each. */
const MAX_WAITING_CHARS = 4096;

/** Between two answers, with the start of the worker. A net only: the time for one password is bounded by its length. */
const MAX_SILENCE_MS = 20_000;

/** Under Jest the sources run, which Node loads with the help of a hook. */
const IS_SOURCE = import.meta.filename.endsWith('.ts');

export interface Judgement {
  isWeak: boolean;
  /** One of the most common passwords that are not weak. */
  isCommon: boolean;
  /** What makes it easy to guess and what would help; may be empty. */
  advice: string;
}

interface Waiter {
  chars: number;
  resolve: (judgement: Judgement) => void;
  reject: (error: unknown) => void;
}

/**
 * Estimates the strength of passwords in one thread, which starts at the first password and ends five minutes after the last.
 * With several processes only the primary has one.
 */
export class StrengthWorker implements OnApplicationShutdown {
  private worker: Worker | undefined;
  /** Answered in order. */
  private waiting: Waiter[] = [];
  private timer: NodeJS.Timeout | undefined;

  onApplicationShutdown(): void {
    this.stop(new AppError('busy', { retryAfter: 1 }));
  }

  /**
   * @param words the person's own, in lower case
   * @throws AppError `busy`
   */
  judge(password: string, words: string[]): Promise<Judgement> {
    if (primary)
      return primary.ask<Judgement>('judge', [password, words], MAX_SILENCE_MS).catch(() => {
        throw new AppError('busy', { retryAfter: 1 });
      });
    const ahead = this.waiting.reduce((sum, { chars }) => sum + chars, 0);
    if (ahead + password.length > MAX_WAITING_CHARS) throw new AppError('busy', { retryAfter: 1 });
    const worker = (this.worker ??= this.start());
    return new Promise((resolve, reject) => {
      this.waiting.push({ chars: password.length, resolve, reject });
      worker.postMessage([password, words], []);
      if (this.waiting.length === 1) this.watch(worker);
    });
  }

  private start(): Worker {
    const worker = new Worker(join(import.meta.dirname, `strength.worker.${IS_SOURCE ? 'ts' : 'js'}`), {
      execArgv: IS_SOURCE ? ['--import', '@swc-node/register/esm-register'] : [],
      env: {},
    });
    worker.on('message', (judgement: Judgement) => {
      this.waiting.shift()?.resolve(judgement);
      this.watch(worker);
    });
    worker.on('error', (error) => this.stop(error));
    return worker;
  }

  /** The process may end while the worker is idle. */
  private watch(worker: Worker): void {
    const isIdle = this.waiting.length === 0;
    strengthWaiting.set(this.waiting.length);
    clearTimeout(this.timer);
    if (isIdle) worker.unref();
    else worker.ref();
    const stop = () => this.stop(new AppError('busy', { retryAfter: 1 }));
    this.timer = setTimeout(stop, isIdle ? MAX_IDLE_MS : MAX_SILENCE_MS).unref();
  }

  private stop(reason: unknown): void {
    clearTimeout(this.timer);
    void this.worker?.removeAllListeners().terminate();
    this.worker = undefined;
    for (const { reject } of this.waiting.splice(0)) reject(reason);
  }
}
