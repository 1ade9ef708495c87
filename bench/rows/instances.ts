import { availableParallelism } from 'node:os';
import { median } from '../lib/compare.js';
import { load, Script } from '../lib/load.js';
import { BenchMember, createMembers } from '../lib/members.js';
import type { Target } from '../lib/process.js';
import type { RowDefinition } from '../lib/row.js';

const PAIRS = 3;
const CONNECTIONS = 16;

function read(members: BenchMember[], path: string): Script {
  return {
    method: 'GET',
    path,
    headers: (index) => ({ authorization: `Bearer ${members[index % members.length]!.access}` }),
    check: (body) => 'email' in (JSON.parse(body) as object) || 'valid' in (JSON.parse(body) as object),
  };
}

interface Spread {
  /** Requests a second over all instances. */
  rate: number;
  /** Microseconds a request, of the instances alone and of the load. */
  cpu: number;
  generator: number;
}

/** The same number of connections in all, spread evenly. */
async function spread(targets: Target[], script: Script, seconds: number): Promise<Spread> {
  const before = process.cpuUsage();
  const connections = CONNECTIONS / targets.length;
  const runs = await Promise.all(targets.map((target) => load(target, script, { seconds, connections })));
  const { user, system } = process.cpuUsage(before);
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  return {
    rate: runs.reduce((sum, run) => sum + run.rate, 0),
    cpu: runs.reduce((sum, run) => sum + run.cpuMicros * run.requests, 0) / requests,
    generator: (user + system) / requests,
  };
}

/** Two instances against one, on rows that PostgreSQL has no part in. */
export const instances: RowDefinition[] = [
  {
    id: 'instances',
    run: async (stage, { seconds }) => {
      const members = await createMembers(stage.settings, 128, 'instances');
      const [one, two] = [await stage.service(), await stage.service()];
      const rows = [];
      for (const path of ['/users/profile', '/auth/verify']) {
        const script = read(members, path);
        for (const target of [one, two]) await load(target, script, { seconds: Math.max(2, seconds / 2) });
        const pairs: [Spread, Spread][] = [];
        for (let pair = 0; pair < PAIRS; pair += 1)
          pairs.push([await spread([one], script, seconds), await spread([one, two], script, seconds)]);
        const ratios = pairs.map(([single, both]) => both.rate / single.rate);
        const [cpuOne, cpuTwo] = [0, 1].map((side) => median(pairs.map((pair) => pair[side]!.cpu)));
        const generator = median(pairs.map(([, both]) => both.generator));
        const rates = [0, 1].map((side) => median(pairs.map((pair) => pair[side]!.rate)).toFixed(0));
        rows.push({
          name: `GET ${path}: two instances ÷ one`,
          goal: '≥ 1.6',
          met: median(ratios) >= 1.6,
          ratio: median(ratios),
          ratios,
          // Load and Redis take their part of the same processors: what is left for the instances says what can be had.
          note:
            `${rates.join(' → ')} requests/s; CPU per request ${cpuOne!.toFixed(0)} → ${cpuTwo!.toFixed(0)} µs, of the load ` +
            `${generator.toFixed(0)} µs, ${availableParallelism()} cores; by CPU alone × ${((2 * cpuOne!) / cpuTwo!).toFixed(2)}`,
        });
      }
      await Promise.all([one.stop(), two.stop()]);
      return rows;
    },
  },
];
