import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { testValues, uniqueEmail } from './support/app.js';
import { dropWorkerDatabase, workerDatabase } from './support/environment.js';
import { until } from './support/until.js';

const MAIN = path.join(import.meta.dirname, '..', 'src', 'main.ts');

afterAll(() => dropWorkerDatabase());

it('with APP_PORT=0 the links in mails name the port that was picked', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meetinity-start-'));
  const values = testValues({ DATABASE_URL: await workerDatabase(), DATA_DIR: folder, MAIL_DIR: folder });
  const service = spawn(process.execPath, ['--import', '@swc-node/register/esm-register', MAIN], {
    env: { PATH: process.env.PATH, ...values, APP_PORT: '0', LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let address: string | undefined;
    for await (const line of createInterface({ input: service.stdout })) {
      address = /Ready: .* at (http:\/\/localhost:\d+)\/docs/.exec(line)?.[1];
      if (address) break;
    }
    service.stdout.resume();
    const answer = await fetch(`${address}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: uniqueEmail(), name: 'Ada', password: 'correct horse battery' }),
    });
    expect(answer.status).toBe(201);
    await until(async () => {
      const mail = (await readdir(folder)).find((name) => name.endsWith('.eml'));
      const text = mail && (await readFile(path.join(folder, mail), 'utf8')).replaceAll('=\r\n', '');
      return text?.includes(`${address}/auth/email/verify?token`);
    });
  } finally {
    service.kill();
    await once(service, 'exit');
    await rm(folder, { recursive: true });
  }
});
