import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { testValues, uniqueEmail } from '../support/app.js';
import { describeWith, dropWorkerDatabase, workerDatabase, workerRedisUrl } from '../support/environment.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';

afterAll(() => dropWorkerDatabase());

/** Between two requests of the load: 200 a second. */
const INTERVAL_MS = 5;

describeWith('redis', 'two processes on one port and an embedded database', () => {
  let folder: string;
  let port: number;
  let service: ChildProcess;
  let output: Promise<string>;
  let lines = '';

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'meetinity-workers-'));
    const values = testValues({ REDIS_URL: await workerRedisUrl(), DATA_DIR: folder, MAIL_DIR: folder });
    service = startService({ ...values, WORKERS: '2', SHUTDOWN_DELAY_SECONDS: '1' }, ['ignore', 'pipe', 'inherit']);
    output = text(service.stdout!);
    service.stdout!.on('data', (chunk: Buffer) => (lines += String(chunk)));
    await until(() => lines.includes('Ready'), 60_000);
    port = Number(/http:\/\/localhost:(\d+)/.exec(lines)![1]);
  }, 60_000);
  afterAll(async () => {
    service.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  const postmaster = () => path.join(folder, 'postgres', 'postmaster.pid');
  const processesOf = ({ pid }: ChildProcess) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number)
      .filter((child) => child !== parseInt(readFileSync(postmaster(), 'utf8')));

  let resent = 0;
  /** Sends again, as clients do, what meets the end of a connection that was idle (RFC 9112, §9.3.1). */
  function get(route: string, agent?: Agent): Promise<string> {
    return new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port, path: route, agent: agent ?? new Agent() }, (answer) => {
        answer.resume().on('end', () => resolve(String(answer.statusCode)));
      })
        .on('error', (error: NodeJS.ErrnoException) => {
          const isIdle = sent.reusedSocket && error.code === 'ECONNRESET';
          resent += Number(isIdle);
          resolve(isIdle ? get(route) : error.code!);
        })
        .end();
    });
  }

  const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const counted = async (name: string) =>
    Number(new RegExp(`^meetinity_user_${name} (\\S+)$`, 'm').exec(await metrics())?.[1] ?? 0);
  const live = 'http_request_duration_seconds_count{method="GET",route="/health/live",status="200"}';
  const lives = async () =>
    Number(
      (await metrics())
        .split('\n')
        .find((line) => line.startsWith(`meetinity_user_${live}`))
        ?.split(' ')[1] ?? 0,
    );

  /** Sends requests at INTERVAL_MS, some on connections of their own and some on ones kept alive, until `work` is done. */
  async function underLoad(work: (sent: () => number) => Promise<unknown>): Promise<Record<string, number>> {
    const results: Record<string, number> = {};
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const pending: Promise<void>[] = [];
    let count = 0;
    // Like a load balancer: nothing is sent once a process says that it is not ready.
    let isReady = true;
    const probe = setInterval(async () => (isReady &&= (await get('/ready')) !== '503'), 50);
    const timer = setInterval(() => {
      if (!isReady) return;
      const asked = get('/health/live', (count += 1) % 2 ? agent : undefined);
      pending.push(asked.then((result) => void (results[result] = (results[result] ?? 0) + 1)));
    }, INTERVAL_MS);
    await work(() => pending.length);
    clearInterval(timer);
    clearInterval(probe);
    await Promise.all(pending);
    agent.destroy();
    return results;
  }

  it('add up what they count, and share one port and one judge of passwords', async () => {
    const before = await lives();
    await Promise.all(Array.from({ length: 40 }, () => get('/health/live')));
    expect(await lives()).toBe(before + 40);
    const shown = await metrics();
    expect(shown.match(/^meetinity_user_(info\{|process_start_time_seconds)/gm)).toHaveLength(2);
    expect(shown).toMatch(/^meetinity_user_dependency_up\{dependency="redis"\} 1$/m);
    expect(shown).toMatch(/^meetinity_user_worker_restarts_total 0$/m);
    const weak = { email: uniqueEmail(), name: 'Ada', password: 'password123' };
    const register = (body: object) =>
      fetch(`http://127.0.0.1:${port}/auth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then(({ status }) => status);
    expect(await register(weak)).toBe(400);
    expect(await register({ ...weak, password: 'correct horse battery' })).toBe(201);
  });

  it('go on when one is killed, which is forked again and loses no count', async () => {
    const [victim, other] = processesOf(service);
    const before = await lives();
    const results = await underLoad(async (sent) => {
      await until(() => sent() > 60);
      process.kill(victim!, 'SIGKILL');
      await until(() => processesOf(service).some((pid) => pid !== victim && pid !== other), 1000);
      await until(async () => (await counted('worker_restarts_total')) === 1);
    });
    // Only requests that the killed process was answering may fail.
    const { 200: answered, ECONNRESET: reset = 0, ...rest } = results;
    expect(rest).toEqual({});
    expect(reset).toBeLessThan(10);
    expect(answered).toBeGreaterThan(50);
    expect(await lives()).toBeGreaterThanOrEqual(before);
  });

  const reloads = () => lines.split('every process was replaced').length - 1;

  it('are replaced one by one on SIGHUP, without a failed request', async () => {
    await until(async () => (await counted('workers')) === 2, 20_000);
    const before = processesOf(service);
    const counts = await lives();
    const results = await underLoad(async () => {
      service.kill('SIGHUP');
      await until(() => processesOf(service).every((pid) => !before.includes(pid)), 40_000);
      await until(() => processesOf(service).length === 2, 5000);
    });
    await until(() => reloads() === 1);
    expect(Object.keys(results)).toEqual(['200']);
    expect(resent).toBeLessThan(3);
    // All that the replaced processes answered is still there.
    expect(await lives()).toBe(counts + results[200]!);
  }, 60_000);

  it.each([0, 1])(
    'are replaced on SIGHUP also where process %i ends during the reload',
    async (n) => {
      const before = processesOf(service);
      const earlier = reloads();
      service.kill('SIGHUP');
      await until(() => processesOf(service).length === 3, 20_000);
      process.kill(before[n]!, 'SIGKILL');
      await until(() => reloads() > earlier, 40_000);
      await until(async () => (await counted('workers')) === 2, 20_000);
      expect(processesOf(service)).toHaveLength(2);
      expect(processesOf(service).filter((pid) => before.includes(pid))).toEqual([]);
    },
    90_000,
  );

  it('drain on SIGTERM without a failed request, exit with 0, and wrote whole lines', async () => {
    const ended = once(service, 'exit');
    const results = await underLoad(async (sent) => {
      await until(() => sent() > 60);
      service.kill('SIGTERM');
      await ended;
    });
    expect(Object.keys(results)).toEqual(['200']);
    expect(results[200]).toBeGreaterThan(50);
    expect(await ended).toEqual([0, null]);
    expect(existsSync(postmaster())).toBe(false);
    const all = (await output).trim().split('\n');
    expect(all.length).toBeGreaterThan(500);
    for (const line of all) expect(() => JSON.parse(line)).not.toThrow();
    for (const said of ['migration InitialSchema', 'Ready'])
      expect(all.filter((line) => line.includes(said))).toHaveLength(1);
  }, 40_000);
});

describeWith('redis', 'a reload that a shutdown interrupts', () => {
  it('starts no process any more, and reports none', async () => {
    const values = { DATABASE_URL: await workerDatabase(), REDIS_URL: await workerRedisUrl(), WORKERS: '2' };
    const service = startService(testValues(values), ['ignore', 'pipe', 'inherit']);
    const [ended, output] = [once(service, 'exit'), text(service.stdout!)];
    let lines = '';
    service.stdout!.on('data', (chunk: Buffer) => (lines += String(chunk)));
    const children = () => readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8').trim().split(' ');
    await until(() => lines.includes('Ready'), 60_000);
    service.kill('SIGHUP');
    await until(() => children().length === 3);
    service.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await output).not.toContain('did not start');
  }, 90_000);
});

describeWith('redis', 'a first process that does not start', () => {
  it('ends the service', async () => {
    const values = { DATABASE_URL: 'postgresql://u@127.0.0.1:1/x', REDIS_URL: await workerRedisUrl(), WORKERS: '2' };
    const service = startService(testValues({ ...values, START_TIMEOUT_SECONDS: '0' }), ['ignore', 'pipe', 'inherit']);
    const [[code], lines] = await Promise.all([once(service, 'exit'), text(service.stdout!)]);
    expect(code).toBe(1);
    expect(lines).toMatch(/"level":"fatal".*PostgreSQL \(DATABASE_URL, 127\.0\.0\.1:1\): connect ECONNREFUSED/);
  }, 20_000);
});
