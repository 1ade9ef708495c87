import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { testValues } from '../support/app.js';
import { compiled, dropWorkerDatabase, workerDatabase } from '../support/environment.js';
import { countDifferences, OLD_TABLES, writeCrowd } from '../support/old-service.js';
import { ScratchDatabases } from '../support/scratch-database.js';
import { runScript } from '../support/scripts.js';
import { until } from '../support/until.js';

const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-import-spec-'));
const crowd = path.join(folder, 'crowd.db');
const scratch = new ScratchDatabases();

afterAll(async () => {
  await scratch.drop();
  await dropWorkerDatabase();
  rmSync(folder, { recursive: true });
});

it('goes on after a kill without losing or doubling a user', async () => {
  const users = 2000;
  writeCrowd(crowd, users);
  const url = await scratch.create();
  const client = new Client({ connectionString: url });
  await client.connect();
  const env = { PATH: process.env.PATH, ...testValues({ DATABASE_URL: url }) } as NodeJS.ProcessEnv;
  const run = () => spawn(process.execPath, [compiled('scripts/import.js'), '--from', crowd], { env });
  const countUsers = async () => {
    const { rows } = await client.query('SELECT count(*)::int AS count FROM users').catch(() => ({ rows: [] }));
    return rows[0]?.count ?? 0;
  };
  const killed = run();
  await until(async () => (await countUsers()) > 0, 60_000);
  killed.kill('SIGKILL');
  await once(killed, 'close');
  expect(await countUsers()).toBeLessThanOrEqual(users);
  const resumed = run();
  expect((await once(resumed, 'close'))[0]).toBe(0);
  expect(await countDifferences(client, users)).toBe(0);
  await client.end();
}, 180_000);

it('a database with the old tables is named at start with the way out', async () => {
  const url = await scratch.create();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(OLD_TABLES.join(';'));
  await client.end();
  const { code, stderr } = await runScript('migrate', ['run'], { variables: { DATABASE_URL: url } });
  expect(code).toBe(1);
  expect(stderr).toContain('holds the tables of the old Flask service (users.id is integer, not uuid)');
  expect(stderr).toContain('npm run import -- --from');
  expect((await runScript('import', ['--from', await workerDatabase()])).stderr).toContain(
    'is a database of this service',
  );
}, 60_000);
