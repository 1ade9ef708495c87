import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Disturbances } from './disturbances.js';

// Stopped when this process is gone, for any reason.
const FOLLOW = 'data:text/javascript,process.once("disconnect",()=>process.kill(process.pid,"SIGKILL"))';
/** Delay before an instance is restarted, like a supervisor's. */
const RESTART_PAUSE_MS = 300;
/** Time for an instance to start without faults. */
const MAX_START_MS = 60_000;

/** An unexpected exit. */
export interface Death {
  code: number | null;
  /** Whether it had answered before. */
  lived: boolean;
  /** Whether PostgreSQL was away, without which nothing can start. */
  excused: boolean;
  lastWords: string;
}

/** A process of the production build, restarted when it exits, until `end`. */
export class Instance {
  readonly url: string;
  /** What it runs at its next start. */
  main = path.resolve(import.meta.dirname, '../../dist/src/main.js');
  readonly deaths: Death[] = [];
  /** Exit codes after SIGTERM that are not 0, and shutdowns that took too long. */
  readonly badStops: string[] = [];
  starts = 0;
  private child: ChildProcess | null = null;
  private asked = true;
  private generation = 0;
  private up: Promise<void> = Promise.resolve();
  private revived: () => void = () => undefined;

  constructor(
    readonly index: number,
    readonly port: number,
    /** Of its next start. */
    readonly env: Record<string, string>,
    private readonly folder: string,
    private readonly disturbances: Disturbances,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Resolves once it answers; rejects after the timeout. */
  start(): Promise<void> {
    this.asked = false;
    this.generation += 1;
    this.revived();
    this.revived = this.disturbances.begin('down', this.index);
    this.up = this.launch();
    return this.whenUp();
  }

  async whenUp(): Promise<void> {
    const tooLate = sleep(MAX_START_MS, null, { ref: false }).then(() => {
      throw new Error(`instance ${this.index} does not answer after ${MAX_START_MS / 1000} s`);
    });
    await Promise.race([this.up, tooLate]);
  }

  /** Sends SIGKILL and waits for the exit. It stays down until `start`. */
  async kill(): Promise<void> {
    this.revived();
    this.revived = this.disturbances.begin('down', this.index);
    await this.signal('SIGKILL');
  }

  /** Sends SIGTERM and waits for the exit. It stays down until `start`. */
  async terminate(): Promise<void> {
    this.revived();
    this.revived = this.disturbances.begin('down', this.index);
    const begun = performance.now();
    const code = await this.signal('SIGTERM');
    const seconds = (performance.now() - begun) / 1000;
    if (code !== 0 || seconds > 25) this.badStops.push(`exit ${code} after ${seconds.toFixed(1)} s`);
  }

  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  private async signal(name: NodeJS.Signals): Promise<number | null> {
    this.asked = true;
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const exit = once(child, 'exit') as Promise<[number | null]>;
    child.kill(name);
    const [code] = await exit;
    return code;
  }

  private async launch(): Promise<void> {
    const begun = performance.now();
    const child = spawn(process.execPath, ['--import', FOLLOW, this.main], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, ...this.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    this.starts += 1;
    let tail = '';
    let lived = false;
    const log = createWriteStream(path.join(this.folder, `instance-${this.index}.log`), { flags: 'a' });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.pipe(log, { end: false });
      stream.on('data', (chunk: Buffer) => (tail = (tail + chunk).slice(-3000)));
    }
    child.once('exit', (code) => {
      if (this.asked) return;
      this.revived();
      this.revived = this.disturbances.begin('down', this.index);
      const excused = !lived && this.disturbances.touched(['postgres'], this.index, begun, performance.now());
      this.deaths.push({ code, lived, excused, lastWords: tail });
      const { generation } = this;
      this.up = sleep(RESTART_PAUSE_MS).then(() =>
        // It may have been started or stopped during the delay.
        !this.asked && generation === this.generation ? this.launch() : undefined,
      );
    });
    while (child.exitCode === null && child.signalCode === null) {
      if (await answers(`${this.url}/health/live`)) {
        lived = true;
        this.revived();
        return;
      }
      await sleep(20);
    }
    // Its successor counts, if there is one.
    if (!this.asked) await this.up;
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
