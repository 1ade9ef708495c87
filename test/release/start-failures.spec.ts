import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { freePorts } from '../../scripts/services/tools.js';
import { freePort } from '../../src/dev/free-port.js';
import { testValues } from '../support/app.js';
import { dropWorkerDatabase, workerDatabase } from '../support/environment.js';
import { startService } from '../support/service-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

afterAll(() => dropWorkerDatabase());

const linesOf = (output: string) =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string });

it('ends at once if the password is wrong, with a line of the log that names server, host and variable', async () => {
  const url = Object.assign(new URL(await workerDatabase()), { username: 'nobody_here', password: 'wrong' });
  const service = startService(testValues({ DATABASE_URL: url.href }), ['ignore', 'pipe', 'inherit']);
  const [[code], output] = await Promise.all([once(service, 'exit'), text(service.stdout!)]);
  const { host } = url;
  expect(code).toBe(1);
  expect(linesOf(output)).toEqual([
    expect.objectContaining({
      level: 'fatal',
      msg: expect.stringMatching(new RegExp(`^PostgreSQL \\(DATABASE_URL, ${host}\\): .*"nobody_here"`)),
    }),
  ]);
});

it('waits for a database that refuses connections at first', async () => {
  const [port, serverPort] = (await freePorts(0, 0)) as [number, number];
  const url = Object.assign(new URL(await workerDatabase()), { port: String(serverPort) });
  const values = testValues({ DATABASE_URL: url.href, APP_PORT: String(port) });
  const service = startService(values, ['ignore', 'pipe', 'inherit']);
  const output = text(service.stdout!);
  let proxy: TcpProxy | undefined;
  try {
    let lines = '';
    service.stdout!.on('data', (chunk: Buffer) => (lines += String(chunk)));
    await until(() => lines.includes('tried again for up to 30 seconds'));
    proxy = await TcpProxy.before(await workerDatabase(), serverPort);
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      20_000,
    );
  } finally {
    service.kill();
    await once(service, 'exit');
    await proxy?.stop();
  }
  const warnings = linesOf(await output).filter(({ level }) => level === 'warn');
  expect(warnings[0]!.msg).toMatch(/^PostgreSQL \(DATABASE_URL, [\d.]+:\d+\): connect ECONNREFUSED .*; tried again/);
  expect(warnings).toHaveLength(1);
});

it('names the server of a database that lacks the tables', async () => {
  const url = Object.assign(new URL(await workerDatabase()), { pathname: '/template1' });
  const values = testValues({ DATABASE_URL: url.href, MIGRATE_ON_START: 'false' });
  const service = startService(values, ['ignore', 'pipe', 'inherit']);
  const [[code], output] = await Promise.all([once(service, 'exit'), text(service.stdout!)]);
  expect([code, linesOf(output).at(-1)!.msg]).toEqual([
    1,
    expect.stringMatching(/^PostgreSQL \(DATABASE_URL, .*\): relation .* does not exist; .*run the migrations first$/),
  ]);
});

it.each([
  ['APP_HOST', { APP_HOST: 'nowhere.invalid' }, /^APP_HOST, APP_PORT: getaddrinfo \w+ nowhere\.invalid/],
  ['DATA_DIR', { DATABASE_URL: '', DATA_DIR: '/dev/null/data' }, /^DATA_DIR: ENOTDIR: .*'\/dev\/null\/data'/],
])('names a %s that does not exist', async (_, wrong, message) => {
  const values = testValues({ DATABASE_URL: await workerDatabase(), APP_PORT: String(await freePort()), ...wrong });
  const service = startService(values, ['ignore', 'pipe', 'inherit']);
  const [[code], output] = await Promise.all([once(service, 'exit'), text(service.stdout!)]);
  expect([code, linesOf(output).at(-1)!.msg]).toEqual([1, expect.stringMatching(message)]);
});

it('names the port that is taken', async () => {
  const port = Number(new URL(await workerDatabase()).port);
  const values = testValues({ DATABASE_URL: await workerDatabase(), APP_PORT: String(port) });
  const service = startService(values, ['ignore', 'pipe', 'inherit']);
  const [[code], output] = await Promise.all([once(service, 'exit'), text(service.stdout!)]);
  expect([code, linesOf(output).at(-1)!.msg]).toEqual([
    1,
    expect.stringMatching(/^APP_HOST, APP_PORT: listen EADDRINUSE/),
  ]);
});
