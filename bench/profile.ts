import 'reflect-metadata';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Costs, readCosts } from './lib/cpu-profile.js';
import { createStage, Stage } from './lib/stage.js';
import { routes } from './rows/routes.js';

/** Runs one row with service and reference under V8's sampling profiler: where a request spends its time, side by side. */
const { values } = parseArgs({
  options: {
    row: { type: 'string', default: 'profile-cached' },
    out: { type: 'string', default: 'bench/profiles' },
    seconds: { type: 'string', default: '6' },
    top: { type: 'string', default: '25' },
  },
});
const definition = routes.find(({ id }) => id === values.row);
if (!definition) {
  console.error(`--row must be one of: ${routes.map(({ id }) => id).join(', ')}`);
  process.exit(2);
}

const folders = { service: join(values.out, values.row, 'service'), bare: join(values.out, values.row, 'bare') };
rmSync(join(values.out, values.row), { recursive: true, force: true });
const profiled = (folder: string) => ['--cpu-prof', '--cpu-prof-interval', '500', `--cpu-prof-dir=${folder}`];
const stage = await createStage((line) => console.error(line));
const watched: Stage = {
  ...stage,
  service: (options = {}) => stage.service({ ...options, nodeArgs: profiled(folders.service) }),
  bare: () => stage.bare(profiled(folders.bare)),
};
const [row] = await definition
  .run(watched, { seconds: Number(values.seconds), minutes: 1 })
  .finally(() => stage.stop());

function print(title: string, ours: Costs, theirs: Costs): void {
  console.log(`\n${title}: microseconds a request, service | reference`);
  const names = [...new Set([...ours.keys(), ...theirs.keys()])];
  const excess = (name: string) => (ours.get(name) ?? 0) - (theirs.get(name) ?? 0);
  for (const name of names.sort((a, b) => excess(b) - excess(a)).slice(0, Number(values.top))) {
    const [own, other] = [ours, theirs].map((costs) => (costs.get(name) ?? 0).toFixed(1).padStart(7));
    console.log(`${own} | ${other}  ${name}`);
  }
}

const { ratio, service, reference } = row!;
const [ours, theirs] = [readCosts(folders.service, service!.cpuMicros), readCosts(folders.bare, reference!.cpuMicros)];
console.log(
  `${row!.name}: ratio ${ratio.toFixed(2)} under the profiler; ` +
    `${service!.cpuMicros.toFixed(0)} against ${reference!.cpuMicros.toFixed(0)} µs a request. Profiles: ${join(values.out, values.row)}`,
);
print('By package', ours.packages, theirs.packages);
print('By function', ours.functions, theirs.functions);
