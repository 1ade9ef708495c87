import 'reflect-metadata';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createStage, Stage } from './lib/stage.js';
import { hashing } from './rows/hashing.js';
import { routes } from './rows/routes.js';

/** Runs one row with the service under V8's sampling profiler and prints the functions it spent most time in. */
const { values } = parseArgs({
  options: { row: { type: 'string', default: 'profile-cached' }, out: { type: 'string', default: 'bench/profiles' } },
});
const definition = [...routes, ...hashing].find(({ id }) => id === values.row);
if (!definition) {
  console.error('--row must name a row of the benchmark');
  process.exit(2);
}

mkdirSync(values.out, { recursive: true });
const stage = await createStage((line) => console.error(line));
const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${values.out}`, `--cpu-prof-name=${values.row}.cpuprofile`];
const profiled: Stage = { ...stage, service: (options = {}) => stage.service({ ...options, nodeArgs }) };
try {
  await definition.run(profiled, { seconds: 6, minutes: 1 });
} finally {
  await stage.stop();
}

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

const file = readdirSync(values.out).find((name) => name === `${values.row}.cpuprofile`)!;
const profile = JSON.parse(readFileSync(join(values.out, file), 'utf8')) as Profile;
const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
const self = new Map<string, number>();
profile.samples.forEach((id, index) => {
  const { functionName, url, lineNumber } = frames.get(id)!;
  const place = `${functionName || '(anonymous)'} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`;
  self.set(place, (self.get(place) ?? 0) + profile.timeDeltas[index]!);
});
const total = [...self].filter(([place]) => !place.startsWith('(idle)')).reduce((sum, [, time]) => sum + time, 0);
for (const [place, time] of [...self].sort(([, a], [, b]) => b - a).slice(0, 25))
  console.log(`${((time / total) * 100).toFixed(1).padStart(5)} %  ${place}`);
