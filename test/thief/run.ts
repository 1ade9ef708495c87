import 'reflect-metadata';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numberOption, readArguments, textOption, UsageError, withDefault } from '../../scripts/lib/arguments.js';
import { type Services, startServices } from '../../scripts/services/index.js';
import type { Attempt } from './attempts.js';
import type { Weakness } from './weaknesses.js';

const PLANTED_ROWS = 18;

function readValues() {
  try {
    return readArguments({
      call: 'npm run thief --',
      does:
        'takes the data of PostgreSQL and Redis, the gateway’s secret, the log and used refresh tokens of a running service,\n' +
        '  tries to sign in with them, and does the same with weaknesses planted in the source, each of which must be found.\n' +
        '  Exit code 1 where the service opened, or a planted weakness did not.',
      options: {
        members: withDefault(numberOption('accounts of the service', 12, 100_000), 1000),
        planted: textOption('TEXT', 'only the weaknesses whose name contains this'),
      },
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

const options = readValues();
// Loaded after the arguments were read, so that `--help` does not wait for them.
const attempts = await import('./attempts.js');
const { steal } = await import('./loot.js');
const { populate } = await import('./members.js');
const { openScene } = await import('./scene.js');
const { weaknesses } = await import('./weaknesses.js');

async function robbery(services: Services, weakness: Weakness | null, members: number, folder: string) {
  const scene = await openScene(services, weakness, folder);
  try {
    const population = await populate(scene, members);
    const loot = await steal(scene);
    return [
      // First, because a stolen reset link replaces the password that it needs.
      await attempts.answerFactors(scene, population),
      ...(await attempts.replayTexts(scene, loot)),
      await attempts.forgeAccessTokens(scene),
      await attempts.computeRefreshTokens(scene),
      await attempts.forgePasskeys(scene),
      await attempts.moveCiphertexts(scene, population),
      // Last, because each ends a session.
      await attempts.replayUsedTokens(scene, population),
    ];
  } finally {
    await scene.stop();
  }
}

const openedBy = (tried: Attempt[]) => tried.filter(({ opened }) => opened.length > 0);
const folder = mkdtempSync(join(tmpdir(), 'meetinity-thief-'));
// As root, PostgreSQL runs under another account, which needs access.
chmodSync(folder, 0o755);
const services = await startServices({
  want: ['postgres', 'redis'],
  dataDir: join(folder, 'postgres'),
  log: () => undefined,
});
let failures = 0;
try {
  if (!services.postgres || !services.redis)
    throw new Error(`servers are missing: ${JSON.stringify(services.missing)}`);
  if (options.planted === undefined) {
    const tried = await robbery(services, null, options.members, join(folder, 'service'));
    console.log(`${options.members} members\n\n| attempt | tries | opened |\n| --- | --- | --- |`);
    for (const { name, tries, opened } of tried)
      console.log(`| ${name} | ${tries} | ${opened.length} ${[...new Set(opened)].join(', ')} |`);
    console.log(`| all | ${tried.reduce((sum, { tries }) => sum + tries, 0)} | ${openedBy(tried).length} |`);
    failures += openedBy(tried).length;
  }
  console.log('\n| planted weakness | found by |\n| --- | --- |');
  for (const [index, weakness] of weaknesses.entries()) {
    if (!weakness.name.includes(options.planted ?? '')) continue;
    const found = openedBy(await robbery(services, weakness, PLANTED_ROWS, join(folder, String(index))));
    failures += found.length === 0 ? 1 : 0;
    console.log(`| ${weakness.name} | ${found.map(({ name }) => name).join('; ') || '**not found**'} |`);
  }
} finally {
  await services.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);
