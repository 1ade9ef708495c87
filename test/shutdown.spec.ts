import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { REQUESTS_LIMIT } from '../src/common/last-connections.js';
import { freePort } from '../src/config/free-port.js';
import { testValues, uniqueEmail } from './support/app.js';
import { dropWorkerDatabase, workerDatabase } from './support/environment.js';
import { startService } from './support/service-process.js';
import { until } from './support/until.js';

/** Production's, seconds. */
const DELAY = 3;
/** Seconds from the signal to the last byte of the slow request. */
const LATE = 14;

afterAll(() => dropWorkerDatabase());

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
  return { answer, finish: () => post.end(body.slice(20)), drop: () => post.destroy() };
}

it('SIGTERM leaves requests under way their time, cuts one that never ends, and the process exits with 0', async () => {
  const port = await freePort();
  const values = testValues({ DATABASE_URL: await workerDatabase(), SHUTDOWN_DELAY_SECONDS: String(DELAY) });
  const service = startService({ ...values, APP_PORT: String(port) }, ['ignore', 'ignore', 'inherit']);
  const ended = once(service, 'exit');
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      ({ status }) => status,
      () => 0,
    );
  const requests = [];
  try {
    await until(async () => (await get('/ready')) === 200, 20_000);
    const [slow, endless] = [register(port), register(port)];
    requests.push(slow, endless);
    // Both have been taken up, not only sent.
    await sleep(500);
    const begun = performance.now();
    service.kill();
    await until(async () => (await get('/ready')) === 503, 2000);
    await sleep(LATE * 1000 - (performance.now() - begun));
    slow.finish();
    expect(await slow.answer).toMatch(/^201 .*access_token/);
    expect(await endless.answer).toMatch('socket hang up');
    expect(performance.now() - begun).toBeGreaterThan(REQUESTS_LIMIT * 1000 - 500);
    expect(await ended).toEqual([0, null]);
  } finally {
    for (const { drop } of requests) drop();
    service.kill('SIGKILL');
  }
}, 60_000);
