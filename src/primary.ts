import cluster, { type Worker } from 'node:cluster';
import { StrengthWorker } from './auth/passwords/strength-worker.js';
import { ProcessRequests } from './common/concurrency/process-requests.js';
import type { Logger } from './common/logging/logger.js';
import { workerRestarts } from './common/logging/metrics.js';
import { WorkerMetrics } from './common/logging/worker-metrics.js';
import type { Settings } from './config/settings.js';
import type { Running } from './server.js';

/** Delay before a process is forked again that ended before it was ready; doubled each time. */
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** Consecutive failed starts, while no process serves, after which the primary gives up. */
const MAX_START_ATTEMPTS = 5;

/**
 * Forks the processes that serve the API on one port, and forks each again that ends. It imports nothing of the API, because
 * that takes 100 MB.
 */
export class Primary implements Running {
  readonly port: number;
  private readonly strength = new StrengthWorker();
  private readonly metrics = new WorkerMetrics();
  private readonly serving = new Set<Worker>();
  /** Their end is expected. */
  private readonly retired = new WeakSet<Worker>();
  /** Has its successor in `reload`, even if it ends before that is ready. */
  private replaced: Worker | null = null;
  private failedStarts = 0;
  private isStopping = false;
  private isReloading = false;

  constructor(
    private readonly settings: Settings,
    private readonly logger: Logger,
    /** Ends the service. */
    private readonly giveUp: () => void,
  ) {
    this.port = settings.port;
  }

  /** The first process migrates, and shows whether the configuration works. @throws Error if it does not start */
  async start(): Promise<this> {
    const { count, reason } = this.settings.workers;
    // The processes accept connections themselves. With round robin, Node never closes one that it has handed to a process
    // which is killed before it confirms, and the client waits for its own time-out.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    this.logger.info(`${count} processes serve the API (${reason})`);
    if (!(await this.tryFork())) throw new Error('the first process did not start; its last line says why');
    await Promise.all(Array.from({ length: count - 1 }, () => this.fork().ready));
    return this;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    const workers = Object.values(cluster.workers ?? {}) as Worker[];
    const codes = await Promise.all(workers.map((worker) => this.end(worker, 'SIGTERM')));
    this.strength.onApplicationShutdown();
    if (codes.includes(1)) process.exitCode = 1;
  }

  /** Replaces one process after the other, each once its successor serves. */
  async reload(): Promise<void> {
    if (this.isReloading || this.isStopping) return;
    this.isReloading = true;
    try {
      const before = [...this.serving];
      for (const old of before) {
        // One that has ended since has a successor already.
        if (old.isDead()) continue;
        this.replaced = old;
        if (!(await this.tryFork())) {
          if (this.isStopping) return;
          if (old.isDead()) this.fork();
          return this.logger.error('the new process did not start; the old ones keep running');
        }
        await this.end(old, 'SIGUSR2');
      }
      this.logger.info('every process was replaced');
    } finally {
      this.replaced = null;
      this.isReloading = false;
    }
  }

  /** Not forked again if it fails. */
  private async tryFork(): Promise<boolean> {
    const { worker, ready } = this.fork();
    this.retired.add(worker);
    const isReady = await ready;
    if (isReady) this.retired.delete(worker);
    return isReady;
  }

  private fork(): { worker: Worker; ready: Promise<boolean> } {
    const worker = cluster.fork({ APP_PORT: String(this.port), WORKERS: String(this.settings.workers.count) });
    worker.on('error', (error) => this.logger.warn({ err: error }, 'a process could not be reached'));
    const requests = new ProcessRequests(worker)
      .handle('judge', ([password, words]: [string, string[]]) => this.strength.judge(password, words))
      .handle('metrics', () => this.metrics.report())
      .handle('last metrics', async (values: never) => this.metrics.keep(worker.id, values));
    const ready = new Promise<boolean>((resolve) => {
      worker.once('exit', (code, signal) => {
        resolve(false);
        this.onExit(worker, signal ?? `exit code ${code}`);
      });
      requests.handle('ready', async () => {
        this.serving.add(worker);
        this.failedStarts = 0;
        this.metrics.add(worker.id, requests);
        resolve(true);
      });
    });
    return { worker, ready };
  }

  private onExit(worker: Worker, reason: string): void {
    const wasServing = this.serving.delete(worker);
    this.metrics.remove(worker.id);
    if (this.isStopping || this.retired.has(worker)) return;
    this.logger.error({ pid: worker.process.pid, reason }, 'a process ended; another one takes its place');
    workerRestarts.inc();
    if (worker === this.replaced) return;
    if (wasServing) return void this.fork();
    this.failedStarts += 1;
    if (this.serving.size === 0 && this.failedStarts >= MAX_START_ATTEMPTS) return this.giveUp();
    const delay = Math.min(MIN_BACKOFF_MS * 2 ** (this.failedStarts - 1), MAX_BACKOFF_MS);
    setTimeout(() => !this.isStopping && this.fork(), delay);
  }

  private async end(worker: Worker, signal: NodeJS.Signals): Promise<number | null> {
    if (worker.isDead()) return worker.process.exitCode;
    this.retired.add(worker);
    const ended = new Promise<number | null>((resolve) => worker.once('exit', resolve));
    worker.process.kill(signal);
    return ended;
  }
}
