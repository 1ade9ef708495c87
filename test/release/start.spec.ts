import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/dev/free-port.js';
import { testValues, uniqueEmail } from '../support/app.js';
import { dropWorkerDatabase, workerDatabase } from '../support/environment.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';

afterAll(() => dropWorkerDatabase());

const answers = (port: number) =>
  fetch(`http://127.0.0.1:${port}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );

it('uses the chosen port in mailed links with APP_PORT=0', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meetinity-start-'));
  const values = testValues({ DATABASE_URL: await workerDatabase(), DATA_DIR: folder, MAIL_DIR: folder });
  const service = startService(values, ['ignore', 'pipe', 'inherit']);
  try {
    let address: string | undefined;
    for await (const line of createInterface({ input: service.stdout! })) {
      address = /Ready: .* at (http:\/\/localhost:\d+)\/docs/.exec(line)?.[1];
      if (address) break;
    }
    service.stdout!.resume();
    const answer = await fetch(`${address}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: uniqueEmail(), name: 'Ada', password: 'correct horse battery' }),
    });
    expect(answer.status).toBe(201);
    await until(async () => {
      const mail = (await readdir(folder)).find((name) => name.endsWith('.eml'));
      const body = mail && (await readFile(path.join(folder, mail), 'utf8')).replaceAll('=\r\n', '');
      return body?.includes(`${address}/auth/email/verify?token`);
    });
  } finally {
    service.kill();
    await once(service, 'exit');
    await rm(folder, { recursive: true });
  }
});

it('fails with one line if the log file cannot be opened, before it starts a database', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meetinity-start-'));
  const service = startService(testValues({ DATA_DIR: folder, LOG_FILE: '/dev/null/log' }), ['ignore', 'pipe', 'pipe']);
  const [[code], stderr] = await Promise.all([once(service, 'exit'), text(service.stderr!)]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^LOG_FILE cannot be opened: .*\n$/)]);
  expect(existsSync(path.join(folder, 'postgres'))).toBe(false);
  await rm(folder, { recursive: true });
});

it('names each address of an unreachable database', async () => {
  const resolver = `import dns from 'node:dns';
    const addresses = [1, 2].map((n) => ({ address: '127.0.0.' + n, family: 4 }));
    dns.lookup = (name, ...rest) => (rest[0].all ? rest[1](null, addresses) : rest.at(-1)(null, '127.0.0.1', 4));`;
  const values = testValues({
    DATABASE_URL: 'postgresql://somebody@of-two-addresses.example:1/meetinity',
    START_TIMEOUT_SECONDS: '0',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(resolver)}`,
  });
  const service = startService(values, ['ignore', 'pipe', 'inherit']);
  const [[code], lines] = await Promise.all([once(service, 'exit'), text(service.stdout!)]);
  const { level, msg } = JSON.parse(lines.trim().split('\n').at(-1)!);
  expect([code, level, msg]).toEqual([1, 'fatal', expect.stringMatching(/^.*127\.0\.0\.1:1; .*127\.0\.0\.2:1$/)]);
});

it('stops in time with an idle connection open', async () => {
  const port = await freePort();
  const values = testValues({ DATABASE_URL: await workerDatabase(), APP_PORT: String(port) });
  const service = startService(values, ['ignore', 'ignore', 'inherit']);
  const ended = once(service, 'exit');
  let socket: Socket | undefined;
  try {
    await until(() => answers(port), 20_000);
    socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    service.kill();
    expect(await Promise.race([ended, sleep(8000, 'it still runs')])).toEqual([0, null]);
  } finally {
    socket?.destroy();
    service.kill('SIGKILL');
  }
});

it('keeps running when the disk of the log is full', async () => {
  const port = await freePort();
  const values = testValues({ DATABASE_URL: await workerDatabase(), APP_PORT: String(port), LOG_FILE: '/dev/full' });
  const service = startService(values, ['ignore', openSync('/dev/full', 'w'), 'pipe']);
  const stderr = text(service.stderr!);
  try {
    await until(() => answers(port), 20_000);
    // Longer than a line waits.
    await sleep(500);
    expect(await answers(port)).toBe(true);
    service.kill();
    expect(await once(service, 'exit')).toEqual([0, null]);
  } finally {
    service.kill('SIGKILL');
  }
  expect((await stderr).trim().split('\n').sort()).toEqual([
    expect.stringMatching(/^LOG_FILE cannot be written, lines are lost: ENOSPC/),
    expect.stringMatching(/^standard output cannot be written, lines are lost: ENOSPC/),
  ]);
});
