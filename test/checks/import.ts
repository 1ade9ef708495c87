import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { numberOption, withDefault } from '../../scripts/lib/arguments.js';
import { prepareBench } from '../../bench/lib/arguments.js';

const { users } = prepareBench({
  call: 'npm run check:import --',
  does:
    'npm run import of a SQLite file, killed twice, resumed, and run once more\n' +
    '  Exit code 1 where a user is missing, doubled or differs from the file, or where the last run changes anything.',
  options: { users: withDefault(numberOption('users of the file', 1000, 5_000_000), 100_000) },
});
const KILLS = [0.35, 0.65];
const POLL_MS = 50;

const { startServices } = await import('../../scripts/services/index.js');
const { countDifferences, writeCrowd } = await import('../support/old-service.js');
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-bench-import-'));
// As root, PostgreSQL runs under another account, which needs access.
chmodSync(folder, 0o755);
const log = (line: string) => console.error(line);
const services = await startServices({
  want: ['postgres'],
  dataDir: path.join(folder, 'postgres'),
  durable: true,
  log,
});
if (!services.postgres) throw new Error(JSON.stringify(services.missing));
const client = new Client({ connectionString: services.postgres.adminUrl });
const file = path.join(folder, 'old.db');

async function countUsers(): Promise<number> {
  const { rows } = await client
    .query<{ count: number }>('SELECT count(*)::int AS count FROM legacy_ids')
    .catch(() => ({ rows: [] }));
  return rows[0]?.count ?? 0;
}

/** @param until share of the users at which it gets SIGKILL; 1 lets it finish */
async function importUsers(until: number): Promise<boolean> {
  const env = { PATH: process.env.PATH, ENV_FILE: '', DATA_DIR: folder, DATABASE_URL: services.postgres!.adminUrl };
  const child = spawn(process.execPath, ['scripts/run.mjs', 'import', '--from', file], {
    env: env as NodeJS.ProcessEnv,
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let last = '';
  child.stderr.on('data', (chunk: Buffer) => (last = String(chunk).trim().split('\n').at(-1)!));
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  if (until < 1) {
    while (child.exitCode === null && (await countUsers()) < until * users) await sleep(POLL_MS);
    child.kill('SIGKILL');
  }
  const [code, signal] = await ended;
  console.log(`${signal ?? `exit code ${code}`}: ${await countUsers()} users; ${last}`);
  return until < 1 ? signal === 'SIGKILL' : code === 0;
}

let passed = true;
try {
  writeCrowd(file, users);
  await client.connect();
  for (const until of [...KILLS, 1]) passed = (await importUsers(until)) && passed;
  const written =
    'SELECT (SELECT count(*) FROM outbox_events)::int AS events, (SELECT max(id) FROM audit_logs)::int AS audit';
  const before = JSON.stringify((await client.query(written)).rows);
  passed = (await importUsers(1)) && passed;
  const differences = await countDifferences(client, users);
  const unchanged = before === JSON.stringify((await client.query(written)).rows);
  console.log(`${differences} differences; the last run changed ${unchanged ? 'nothing' : 'something'}`);
  passed &&= differences === 0 && unchanged;
} finally {
  await client.end();
  await services.stop();
  rmSync(folder, { recursive: true });
}
process.exit(passed ? 0 : 1);
