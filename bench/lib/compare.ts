import { load, Measured, Script } from './load.js';
import type { Target } from './process.js';
import { median } from './quantiles.js';
import { type Row, rowOfRatios, type RunOptions } from './row.js';

function typical(runs: Measured[]): Measured {
  const of = (field: 'rate' | 'p50' | 'p99' | 'cpuMicros') => median(runs.map((run) => run[field]));
  return { rate: of('rate'), p50: of('p50'), p99: of('p99'), cpuMicros: of('cpuMicros') };
}

interface Side {
  target: Target;
  script: Script;
}

const PAIR_ATTEMPTS = 3;

/** Alternates service and reference after a warm-up, so that a drift of the machine affects both. */
export async function compare(
  name: string,
  service: Side,
  bare: Side,
  goal: number,
  options: RunOptions,
): Promise<Row> {
  const { seconds } = options;
  for (const { target, script } of [service, bare]) await load(target, script, { seconds: Math.max(2, seconds / 2) });
  const runs: [Measured, Measured][] = [];
  for (let pair = 0; pair < PAIR_ATTEMPTS; pair += 1) {
    const a = await load(service.target, service.script, { seconds });
    const b = await load(bare.target, bare.script, { seconds });
    runs.push([a, b]);
  }
  const ratios = runs.map(([a, b]) => a.rate / b.rate);
  return {
    ...rowOfRatios(name, ratios, goal),
    service: typical(runs.map(([a]) => a)),
    reference: typical(runs.map(([, b]) => b)),
  };
}
