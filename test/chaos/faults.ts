import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import type { Kind } from './disturbances.js';
import { describe, type Step } from './plan.js';
import { SERVERS, type ServerName, type Stage } from './stage.js';

type NetworkStep = Extract<Step, { delay: number }>;

/** Carries out the plan. A step whose target has a fault already is skipped and counted. */
export class Faults {
  /** By name, such as `kill instance`. */
  readonly done = new Map<string, number>();
  kills = 0;
  skipped = 0;
  private readonly busy = new Set<string>();
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly stage: Stage,
    private readonly log: (line: string) => void,
  ) {}

  /** Resolves when all steps have ended. */
  async run(steps: Step[]): Promise<void> {
    const begun = performance.now();
    for (const step of steps) {
      const wait = begun + step.at - performance.now();
      if (wait > 0) await sleep(wait);
      this.begin(step);
    }
    await Promise.all(this.running);
  }

  private begin(step: Step): void {
    const places = this.placesOf(step);
    if (places.some((place) => this.busy.has(place))) {
      this.skipped += 1;
      return;
    }
    for (const place of places) this.busy.add(place);
    this.log(describe(step));
    const name = `${step.how} ${step.what}`;
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    const work = this.carryOut(step).finally(() => {
      for (const place of places) this.busy.delete(place);
      this.running.delete(work);
    });
    this.running.add(work);
  }

  private placesOf(step: Step): string[] {
    if (step.what === 'instance') {
      const links = step.how === 'isolate' ? SERVERS.map((name) => `${name} ${step.instance}`) : [];
      return [`instance ${step.instance}`, ...links];
    }
    if (!('delay' in step)) return [`${step.what} 0`, `${step.what} 1`];
    return step.instance === null ? [`${step.what} 0`, `${step.what} 1`] : [`${step.what} ${step.instance}`];
  }

  private async carryOut(step: Step): Promise<void> {
    if (step.what === 'instance') return this.disturbInstance(step);
    if (step.how === 'flush') return this.flush();
    if (step.how === 'crash') return this.crash(step.pick);
    if (step.how === 'kill') return this.killServer(step.what, step.length);
    return this.disturbNetwork(step as NetworkStep);
  }

  private async disturbInstance(step: Extract<Step, { what: 'instance' }>): Promise<void> {
    const instance = this.stage.instances[step.instance]!;
    if (step.how === 'pause') {
      const end = this.stage.disturbances.begin('paused', step.instance);
      instance.pause();
      await sleep(step.length);
      instance.resume();
      end();
      return;
    }
    if (step.how === 'isolate') {
      await Promise.all(SERVERS.map((what) => this.disturbNetwork({ ...step, what, how: 'freeze', delay: 0 })));
      return;
    }
    if (step.how === 'kill') {
      this.kills += 1;
      await instance.kill();
    } else await instance.terminate();
    await sleep(step.length);
    await instance.start();
  }

  private async killServer(name: ServerName, length: number): Promise<void> {
    const end = this.stage.disturbances.begin(name, null);
    const server = this.stage.servers[name];
    this.kills += 1;
    await server.kill();
    await sleep(length);
    await server.start();
    end();
  }

  private async flush(): Promise<void> {
    const end = this.stage.disturbances.begin('redis', null);
    const client = new Redis(this.stage.direct.redis);
    await client.flushall();
    client.disconnect();
    end();
  }

  /** SIGKILL to one server process of PostgreSQL: it then drops every connection and recovers. */
  private async crash(pick: number): Promise<void> {
    const end = this.stage.disturbances.begin('postgres', null);
    const client = new Client({ connectionString: this.stage.direct.postgres });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid`,
    );
    if (rows.length > 0) {
      this.kills += 1;
      process.kill(rows[pick % rows.length]!.pid, 'SIGKILL');
    }
    await client.end().catch(() => undefined);
    await this.untilPostgresAnswers();
    end();
  }

  private async untilPostgresAnswers(): Promise<void> {
    for (;;) {
      // The earlier connection may date from between the kill and the recovery.
      await sleep(100);
      const client = new Client({ connectionString: this.stage.direct.postgres, connectionTimeoutMillis: 2000 });
      client.on('error', () => undefined);
      const answered = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      if (answered) return;
    }
  }

  private async disturbNetwork({ what, how, instance, length, delay }: NetworkStep): Promise<void> {
    const kind: Kind = what === 'postgres' && how === 'delay' ? 'slow postgres' : what;
    const end = this.stage.disturbances.begin(kind, instance);
    const proxies = this.stage.proxies[what].filter((_, n) => instance === null || instance === n);
    for (const proxy of proxies) {
      if (how === 'cut') proxy.cut();
      else if (how === 'freeze') proxy.freeze();
      else proxy.delay = delay;
    }
    await sleep(length);
    for (const proxy of proxies) {
      proxy.delay = 0;
      proxy.restore();
    }
    end();
  }
}

/** Ends all network faults. */
export function restoreAll(stage: Stage): void {
  for (const name of SERVERS)
    for (const proxy of stage.proxies[name]) {
      proxy.delay = 0;
      proxy.restore();
    }
}
