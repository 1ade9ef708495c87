import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { MAX_DRAIN_SECONDS } from '../../src/common/http/graceful-shutdown.js';
import { freePort } from '../../src/dev/free-port.js';
import { testValues, uniqueEmail } from '../support/app.js';
import { dropWorkerDatabase, workerDatabase } from '../support/environment.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';

/** Production's, seconds. */
const DELAY_SECONDS = 3;
/** Seconds from the signal until the work of a request is done. */
const LATE_SECONDS = 14;

const services: ReturnType<typeof startService>[] = [];
const locks: Client[] = [];
afterAll(async () => {
  for (const service of services) service.kill('SIGKILL');
  for (const lock of locks) await lock.end();
  await dropWorkerDatabase();
});

/** A service of its own for each test: all of them run at the same time, because most of it is waiting. */
async function start() {
  const port = await freePort();
  const values = testValues({ DATABASE_URL: await workerDatabase(), SHUTDOWN_DELAY_SECONDS: String(DELAY_SECONDS) });
  const patient = { ...values, APP_PORT: String(port), DATABASE_STATEMENT_TIMEOUT_MS: '60000' };
  const service = startService(patient, ['ignore', 'ignore', 'inherit']);
  services.push(service);
  const ended = once(service, 'exit');
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      ({ status }) => status,
      () => 0,
    );
  await until(async () => (await get('/ready')) === 200, 60_000);
  const stop = async () => {
    service.kill();
    await until(async () => (await get('/ready')) === 503, 2000);
  };
  return { port, ended, stop };
}

/** A registration whose body is sent in two parts. */
function register(port: number) {
  const body = JSON.stringify({ email: uniqueEmail(), name: 'Ada', password: 'correct horse battery' });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const post = request({ host: '127.0.0.1', port, path: '/auth/register', method: 'POST', headers });
  const answer = new Promise<string>((resolve, reject) => {
    post.on('response', (response) => text(response).then((sent) => resolve(`${response.statusCode} ${sent}`), reject));
    post.on('error', (error) => resolve(error.message));
  });
  post.write(body.slice(0, 20));
  return { answer, finish: () => post.end(body.slice(20)) };
}

/** A change of a new member's profile that waits for `release`. */
async function heldChange(port: number) {
  const { finish, answer: registered } = register(port);
  finish();
  const { access_token: token, user } = JSON.parse((await registered).slice(4));
  const lock = new Client({ connectionString: await workerDatabase() });
  locks.push(lock);
  await lock.connect();
  await lock.query('BEGIN');
  await lock.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [user.id]);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = fetch(`http://127.0.0.1:${port}/users/profile`, { method: 'PUT', headers, body: '{"bio":"x"}' }).then(
    ({ status }) => status,
    () => 'cut',
  );
  return { answer, release: () => lock.query('COMMIT') };
}

it.concurrent(
  'answers requests in flight after SIGTERM, aborts endless ones, and exits with 0',
  async () => {
    const { port, ended, stop } = await start();
    const [slow, endless] = [await heldChange(port), await heldChange(port)];
    // Both have been taken up, not only sent.
    await sleep(500);
    const begun = performance.now();
    await stop();
    await sleep(LATE_SECONDS * 1000 - (performance.now() - begun));
    await slow.release();
    expect(await slow.answer).toBe(200);
    expect(await endless.answer).toBe('cut');
    await endless.release();
    expect(performance.now() - begun).toBeGreaterThan(MAX_DRAIN_SECONDS * 1000 - 500);
    expect(await ended).toEqual([0, null]);
  },
  60_000,
);

it.concurrent(
  'waits a few seconds for a body after SIGTERM, then answers 408',
  async () => {
    const { port, ended, stop } = await start();
    const [slow, endless] = [register(port), register(port)];
    await sleep(500);
    await stop();
    await sleep(2000);
    slow.finish();
    expect(await slow.answer).toMatch(/^201 .*access_token/);
    expect(await endless.answer).toMatch(/^408 .*request_timeout/);
    expect(await ended).toEqual([0, null]);
  },
  60_000,
);

it.concurrent(
  'answers requests on open connections after SIGTERM, and closes each connection',
  async () => {
    const { port, ended, stop } = await start();
    const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const ask = (agent: Agent) =>
      new Promise<string>((resolve) => {
        const asked = request({ host: '127.0.0.1', port, path: '/health/live', agent }, (response) => {
          response.resume().on('end', () => resolve(`${response.statusCode} ${response.headers.connection}`));
        });
        asked.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code))).end();
      });
    expect(await Promise.all(agents.map(ask))).toEqual(Array(4).fill('200 keep-alive'));
    await stop();
    // The first on the connection from before, the second on one that is new.
    for (let count = 0; count < 2; count += 1)
      expect(await Promise.all(agents.map(ask))).toEqual(Array(4).fill('200 close'));
    expect(await ended).toEqual([0, null]);
  },
  60_000,
);
