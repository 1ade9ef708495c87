import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { MAX_DRAIN_SECONDS } from '../src/common/http/graceful-shutdown.js';
import { freePort } from '../src/dev/free-port.js';
import { testValues, uniqueEmail } from './support/app.js';
import { dropWorkerDatabase, workerDatabase } from './support/environment.js';
import { startService } from './support/service-process.js';
import { until } from './support/until.js';

/** Production's, seconds. */
const DELAY_SECONDS = 3;
/** Seconds from the signal until the work of a request is done. */
const LATE_SECONDS = 14;

let port: number;
let service: ReturnType<typeof startService>;
let ended: Promise<unknown[]>;
const locks: Client[] = [];

beforeEach(async () => {
  port = await freePort();
  const values = testValues({ DATABASE_URL: await workerDatabase(), SHUTDOWN_DELAY_SECONDS: String(DELAY_SECONDS) });
  const patient = { ...values, APP_PORT: String(port), DATABASE_STATEMENT_TIMEOUT_MS: '60000' };
  service = startService(patient, ['ignore', 'ignore', 'inherit']);
  ended = once(service, 'exit');
  await until(async () => (await get('/ready')) === 200, 60_000);
}, 70_000);
afterEach(async () => {
  service.kill('SIGKILL');
  for (const lock of locks.splice(0)) await lock.end();
});
afterAll(() => dropWorkerDatabase());

const get = (path: string) =>
  fetch(`http://127.0.0.1:${port}${path}`).then(
    ({ status }) => status,
    () => 0,
  );

/** A registration whose body is sent in two parts. */
function register() {
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
async function heldChange() {
  const { finish, answer: registered } = register();
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

it('answers requests in flight after SIGTERM, aborts endless ones, and exits with 0', async () => {
  const [slow, endless] = [await heldChange(), await heldChange()];
  // Both have been taken up, not only sent.
  await sleep(500);
  const begun = performance.now();
  service.kill();
  await until(async () => (await get('/ready')) === 503, 2000);
  await sleep(LATE_SECONDS * 1000 - (performance.now() - begun));
  await slow.release();
  expect(await slow.answer).toBe(200);
  expect(await endless.answer).toBe('cut');
  await endless.release();
  expect(performance.now() - begun).toBeGreaterThan(MAX_DRAIN_SECONDS * 1000 - 500);
  expect(await ended).toEqual([0, null]);
}, 60_000);

it('waits a few seconds for a body after SIGTERM, then answers 408', async () => {
  const [slow, endless] = [register(), register()];
  await sleep(500);
  service.kill();
  await until(async () => (await get('/ready')) === 503, 2000);
  await sleep(2000);
  slow.finish();
  expect(await slow.answer).toMatch(/^201 .*access_token/);
  expect(await endless.answer).toMatch(/^408 .*request_timeout/);
  expect(await ended).toEqual([0, null]);
}, 60_000);

it('answers requests on open connections after SIGTERM, and closes each connection', async () => {
  const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const ask = (agent: Agent) =>
    new Promise<string>((resolve) => {
      const asked = request({ host: '127.0.0.1', port, path: '/health/live', agent }, (response) => {
        response.resume().on('end', () => resolve(`${response.statusCode} ${response.headers.connection}`));
      });
      asked.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code))).end();
    });
  expect(await Promise.all(agents.map(ask))).toEqual(Array(4).fill('200 keep-alive'));
  service.kill();
  await until(async () => (await get('/ready')) === 503, 2000);
  // The first on the connection from before, the second on one that is new.
  for (let count = 0; count < 2; count += 1)
    expect(await Promise.all(agents.map(ask))).toEqual(Array(4).fill('200 close'));
  expect(await ended).toEqual([0, null]);
}, 60_000);
