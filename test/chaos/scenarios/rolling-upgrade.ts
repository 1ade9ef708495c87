import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from '../checks/database.js';
import { Balancer } from './balancer.js';
import { measureFailover } from './failover.js';
import { round } from './load.js';
import type { Scenario } from './scenario.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');
/** A commit: set with each version in CHANGELOG.md. */
const LAST_RELEASE = readFileSync(path.join(import.meta.dirname, '../last-release'), 'utf8').trim();

/** Instances of the last release are replaced one by one behind a load balancer; the first new one migrates. */
export const rollingUpgrade: Scenario = {
  minutes: 0.25,
  async run(stage, { minutes, log }) {
    const { instances, direct } = stage;
    const release = buildRelease(path.join(stage.folder, 'release'), log);
    const current = instances.map((instance) => instance.main);
    for (const instance of instances) instance.main = path.join(release, 'dist/src/main.js');
    await Promise.all(instances.map((instance) => instance.start()));
    const before = await migrationsOf(direct.postgres);
    const balancer = await Balancer.before(instances);
    try {
      return await measureFailover(stage, {
        title: `Rolling upgrade from ${LAST_RELEASE.slice(0, 7)} behind a round-robin proxy`,
        minutes,
        expected: { read: [], write: [] },
        targets: [balancer, balancer],
        database: () => direct.postgres,
        work: async () => {
          const seconds: number[] = [];
          for (const [n, instance] of instances.entries()) {
            const begun = performance.now();
            await instance.terminate();
            instance.main = current[n]!;
            await instance.start();
            while (!balancer.isReady(n)) await sleep(50);
            seconds.push(round((performance.now() - begun) / 1000));
            log(`instance ${n} is of this release after ${seconds.at(-1)} s`);
            await sleep(3000);
          }
          const migrations = (await migrationsOf(direct.postgres)).filter((name) => !before.includes(name));
          if (migrations.length === 0) log('no migration was pending');
          return { migrations, secondsToReplace: seconds };
        },
      });
    } finally {
      await balancer.stop();
    }
  },
};

/** Its own packages, unless they are the same as ours. */
function buildRelease(folder: string, log: (line: string) => void): string {
  const git = (...args: string[]) => execFileSync('git', ['-C', ROOT, ...args], { maxBuffer: 256 * 1024 * 1024 });
  mkdirSync(folder);
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', LAST_RELEASE) });
  const isSame = git('show', `${LAST_RELEASE}:package-lock.json`).equals(
    readFileSync(path.join(ROOT, 'package-lock.json')),
  );
  log(`building ${LAST_RELEASE.slice(0, 7)}${isSame ? '' : ' and installing its packages'}`);
  const run = (...args: string[]) => execFileSync('npm', args, { cwd: folder, stdio: 'pipe' });
  if (isSame) symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  else run('ci', '--no-audit', '--no-fund');
  run('run', 'build');
  return folder;
}

function migrationsOf(url: string): Promise<string[]> {
  return withDatabase(url, async (client) => {
    const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations');
    return rows.map(({ name }) => name);
  });
}
