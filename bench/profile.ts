import 'reflect-metadata';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { numberOption, textOption, withDefault } from '../scripts/lib/arguments.js';
import { prepareBench } from './lib/arguments.js';
import { Costs, readCosts } from './lib/cpu-profile.js';
import { createStage, Stage } from './lib/stage.js';
import { routes } from './rows/routes.js';

const ids = routes.map(({ id }) => id);
const values = prepareBench({
  call: 'npm run bench:profile --',
  does: "one row with service and reference under V8's sampling profiler: where a request spends its time, side by side",
  options: {
    row: withDefault(
      textOption('ROW', `one of ${ids.join(', ')}`, (id) => ids.includes(id)),
      'profile-cached',
    ),
    out: withDefault(textOption('FOLDER', 'where the profiles go'), 'bench/profiles'),
    seconds: withDefault(numberOption('length of one measurement', 1, 600), 6),
    top: withDefault(numberOption('lines of the table', 1, 1000), 25),
  },
});
const definition = routes.find(({ id }) => id === values.row)!;

const folders = { service: join(values.out, values.row, 'service'), bare: join(values.out, values.row, 'bare') };
rmSync(join(values.out, values.row), { recursive: true, force: true });
const profiled = (folder: string) => ['--cpu-prof', '--cpu-prof-interval', '500', `--cpu-prof-dir=${folder}`];
const stage = await createStage((line) => console.error(line));
const watched: Stage = {
  ...stage,
  service: (options = {}) => stage.service({ ...options, nodeArgs: profiled(folders.service) }),
  bare: () => stage.bare(profiled(folders.bare)),
};
const [row] = await definition.run(watched, { seconds: values.seconds, minutes: 1 }).finally(() => stage.stop());

function print(title: string, ours: Costs, theirs: Costs): void {
  console.log(`\n${title}: microseconds a request, service | reference`);
  const names = [...new Set([...ours.keys(), ...theirs.keys()])];
  const excess = (name: string) => (ours.get(name) ?? 0) - (theirs.get(name) ?? 0);
  for (const name of names.sort((a, b) => excess(b) - excess(a)).slice(0, values.top)) {
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
