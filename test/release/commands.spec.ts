import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { newAvatarName } from '../../src/users/avatars/avatar-storage.js';
import { TestApp } from '../support/app.js';
import { readCatalog } from '../support/catalog.js';
import { compiled } from '../support/environment.js';
import { runHosted, runScript } from '../support/scripts.js';
import { until } from '../support/until.js';

/** npm scripts that call another project's tool, or the service itself. */
const TOOL = /^(dev|build|start|test|lint|format|typecheck)(:(dev|debug|watch|cov|release))?$/;
/** Commands without an npm script. */
const SERVICE = ['create', 'list', 'rotate', 'revoke'].map((name) => `service ${name}`);
const USER = ['create', 'email', 'erase', 'export', 'show', 'sessions', 'unlock', 'mfa-reset'].map(
  (name) => `user ${name}`,
);
const MAIL = ['list', 'retry', 'drop'].map((name) => `mail ${name}`);
const WITHOUT_SCRIPT = [
  ...SERVICE,
  ...USER,
  ...MAIL,
  'migrate',
  'migrate down-all',
  'migrate search',
  'events',
  'common-passwords',
];

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** Every command as file and first arguments, such as `scripts/migrate run`. */
const commands = [
  ...Object.entries(scripts)
    .filter(([name]) => !TOOL.test(name))
    .map(([, line]) =>
      line
        .replace(/^.*\b((?:bench|test\/(?:chaos|checks|thief))\/\S+)\.ts/, '$1')
        .replace(/^node scripts\/run\.mjs /, 'scripts/'),
    ),
  ...WITHOUT_SCRIPT.map((name) => `scripts/${name}`),
];

const cwd = mkdtempSync(path.join(tmpdir(), 'meetinity-commands-'));
let service: TestApp;
let untouched: Awaited<ReturnType<typeof everything>>;

beforeAll(async () => {
  service = await TestApp.start();
  await service.member();
  await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
  const picture = path.join(cwd, newAvatarName());
  writeFileSync(picture, 'picture');
  const old = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(picture, old, old);
  untouched = await everything();
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(cwd, { recursive: true });
});

/** Leaves out node_modules, a link to a folder that other specs write to. */
function files(folder: string): string[] {
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return entry.name === 'node_modules' ? [] : [entry.name];
    const inside = readdirSync(path.join(folder, entry.name), { encoding: 'utf8', recursive: true });
    return [entry.name, ...inside.map((name) => path.join(entry.name, name))];
  });
  return names.map((name) => `${name} ${statSync(path.join(folder, name)).mtimeMs}`).sort();
}

/** All that a command could change: schema, rows, files of its folder and of the program. */
async function everything() {
  const tables = await service.sql<{ tablename: string }>(
    `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`,
  );
  const rows: Record<string, string> = {};
  for (const { tablename } of tables) {
    const found = await service.sql(`SELECT t::text FROM ${tablename} t ORDER BY 1`);
    rows[tablename] = createHash('sha256').update(JSON.stringify(found)).digest('hex');
  }
  return { catalog: await readCatalog(service.database), rows, own: files(cwd), program: files(compiled('.')) };
}

const fileOf = (command: string) => command.split(' ')[0]!;
/** The first command of each file shows its usage in a process of its own. */
const isFirst = (command: string) => commands.find((one) => fileOf(one) === fileOf(command)) === command;

function run(command: string, ...more: string[]) {
  const [file = '', ...args] = command.split(' ');
  const variables = { UPLOAD_FOLDER: cwd, DATA_DIR: path.join(cwd, 'data'), KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
  return (isFirst(command) && more[0] === '--help' ? runScript : runHosted)(file, [...args, ...more], {
    variables,
    cwd,
  });
}

describe('commands', () => {
  it('cover every npm script and every file that can be run', () => {
    const inFolder = (folder: string) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name.slice(0, -3)}`);
    const known = new Set(commands.map((command) => command.split(' ')[0]));
    expect(
      [
        ...inFolder('scripts'),
        ...inFolder('bench'),
        ...inFolder('test/checks'),
        'test/chaos/run',
        'test/thief/run',
      ].filter((file) => !known.has(file)),
    ).toEqual([]);
  });

  it.each(commands)(
    'print their usage for --help and for unknown arguments, and change nothing: %s',
    async (command) => {
      const [help, nonsense] = await Promise.all([run(command, '--help'), run(command, 'Stray', '--nonsense')]);
      expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/^usage: /), stderr: '' });
      expect(nonsense).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('\nusage: ') });
      expect(await everything()).toEqual(untouched);
    },
  );

  it.each([['migrate'], ['events'], ['service'], ['user'], ['mail']])(
    'are tested here with every subcommand: %s',
    async (name) => {
      const { stdout } = await run(`scripts/${name}`, '--help');
      const listed = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, word]) => `scripts/${name} ${word}`);
      expect(listed.length).toBeGreaterThan(0);
      expect(listed.filter((line) => !commands.includes(line))).toEqual([]);
    },
  );

  it.each([
    ['scripts/migrate revert', 'reverts the last migration'],
    ['scripts/migrate down-all', 'deletes all data'],
    ['scripts/avatars-clean --delete', 'deletes stored pictures'],
    ['scripts/user erase someone@example.com --reason spam', 'deletes someone@example.com permanently'],
    ['scripts/user sessions someone@example.com --end', 'ends all sessions'],
    ['scripts/seed --users 5', 'users whom this seed did not make'],
  ])('that delete data say so and do nothing without --yes: %s', async (command, what) => {
    const { code, stderr } = await run(command);
    expect(code).toBe(2);
    expect(stderr).toContain(what);
    expect(stderr).toContain('--yes');
    expect(await everything()).toEqual(untouched);
  });

  it('that delete data do so with --yes', async () => {
    expect(await run('scripts/avatars-clean --delete --yes')).toMatchObject({ code: 0 });
    expect(files(cwd).filter((name) => name.includes('.webp'))).toEqual([]);
    const applied = () => service.sql('SELECT name FROM migrations');
    const before = (await applied()).length;
    expect(await run('scripts/migrate revert --yes')).toMatchObject({ code: 0 });
    expect(await applied()).toHaveLength(before - 1);
    expect(await run('scripts/migrate run')).toMatchObject({ code: 0 });
    expect(await applied()).toHaveLength(before);
  }, 60_000);
});
