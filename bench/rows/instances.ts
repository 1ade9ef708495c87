import { availableParallelism } from 'node:os';
import { median } from '../lib/quantiles.js';
import { createMembers } from '../lib/members.js';
import { cpuSeconds, Target } from '../lib/process.js';
import type { RowDefinition } from '../lib/row.js';
import { requireWrk, wrk } from '../lib/wrk.js';

const PAIRS = 3;
const CONNECTIONS = 16;

interface Spread {
  /** Requests a second over all instances. */
  rate: number;
  /** Microseconds of processor time a request: of the instances, and of the load. */
  cpu: number;
  generator: number;
}

/** The same number of connections in all, spread evenly. */
async function spread(targets: Target[], path: string, tokens: string[], seconds: number): Promise<Spread> {
  const spent = () => targets.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
  const before = spent();
  const connections = CONNECTIONS / targets.length;
  const runs = await Promise.all(targets.map((target) => wrk(target, path, tokens, seconds, connections)));
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  return {
    rate: runs.reduce((sum, run) => sum + run.requests / run.seconds, 0),
    cpu: ((spent() - before) / requests) * 1e6,
    generator: (runs.reduce((sum, run) => sum + run.cpu, 0) / requests) * 1e6,
  };
}

/** Two instances against one, on rows that PostgreSQL has no part in. */
export const instances: RowDefinition[] = [
  {
    id: 'instances',
    run: async (stage, { seconds }) => {
      await requireWrk((line) => console.error(line));
      const members = await createMembers(stage.settings, 128, 'instances');
      const tokens = members.map(({ access }) => access);
      const [one, two] = [await stage.service(), await stage.service()];
      const rows = [];
      for (const path of ['/users/profile', '/auth/verify']) {
        for (const target of [one, two]) await spread([target], path, tokens, Math.max(2, seconds / 2));
        const pairs: [Spread, Spread][] = [];
        for (let pair = 0; pair < PAIRS; pair += 1)
          pairs.push([await spread([one], path, tokens, seconds), await spread([one, two], path, tokens, seconds)]);
        const ratios = pairs.map(([single, both]) => both.rate / single.rate);
        const of = (side: 0 | 1, figure: keyof Spread) => median(pairs.map((pair) => pair[side][figure]));
        const change = (figure: keyof Spread) => `${of(0, figure).toFixed(0)} → ${of(1, figure).toFixed(0)}`;
        const alone = (2 * of(0, 'cpu')) / of(1, 'cpu');
        rows.push({
          name: `GET ${path}: two instances ÷ one`,
          goal: '≥ 1.6',
          met: median(ratios) >= 1.6,
          ratio: median(ratios),
          ratios,
          // Load and Redis take their part of the same processors: what is left for the instances says what can be had.
          note:
            `${change('rate')} requests/s; CPU per request ${change('cpu')} µs (by that alone × ${alone.toFixed(2)}), ` +
            `of the load ${of(1, 'generator').toFixed(0)} µs, ${availableParallelism()} cores`,
        });
      }
      await Promise.all([one.stop(), two.stop()]);
      return rows;
    },
  },
];
