import { createMembers } from '../lib/members.js';
import { EVERY_CORE, pin, redisPid } from '../lib/pin.js';
import { cpuSeconds, Target } from '../lib/process.js';
import { median } from '../lib/quantiles.js';
import { type Row, type RowDefinition, rowOfRatios } from '../lib/row.js';
import type { Stage } from '../lib/stage.js';
import { requireWrk, wrk } from '../lib/wrk.js';

const ROUND_ATTEMPTS = 3;
const CONNECTIONS = 16;
const MIN_RATIO = 1.6;

interface Load {
  path: string;
  tokens: string[];
  seconds: number;
  redis: number;
}

/** Number of instances, and the processors of instances, Redis and load. */
interface Arrangement {
  targets: Target[];
  cores: string;
}

interface Spread {
  /** Requests per second of all instances. */
  rate: number;
  /** CPU microseconds per request of the instances, and of the load. */
  cpu: number;
  generator: number;
}

/** The same total of connections, spread evenly. */
async function spread({ targets, cores }: Arrangement, { path, tokens, seconds, redis }: Load): Promise<Spread> {
  for (const pid of [redis, ...targets.map((target) => target.pid)]) pin(pid, cores);
  const spent = () => targets.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
  const before = spent();
  const connections = CONNECTIONS / targets.length;
  const runs = await Promise.all(targets.map((target) => wrk(target, path, tokens, seconds, connections, cores)));
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  return {
    rate: runs.reduce((sum, run) => sum + run.requests / run.seconds, 0),
    cpu: ((spent() - before) / requests) * 1e6,
    generator: (runs.reduce((sum, run) => sum + run.cpu, 0) / requests) * 1e6,
  };
}

const EVERYTHING_ON_ONE = '0';
const EVERYTHING_ON_TWO = '0-1';

/** Alternates the arrangements after a warm-up; results by arrangement. */
async function inTurn(arrangements: Arrangement[], load: Load): Promise<Spread[][]> {
  const servers = new Set(arrangements.flatMap(({ targets }) => targets));
  for (const target of servers) await spread({ targets: [target], cores: EVERY_CORE }, load);
  const measured: Spread[][] = arrangements.map(() => []);
  for (let round = 0; round < ROUND_ATTEMPTS; round += 1)
    for (const [place, arrangement] of arrangements.entries()) measured[place]!.push(await spread(arrangement, load));
  return measured;
}

const ratiosOf = (from: Spread[], to: Spread[]) => to.map(({ rate }, round) => rate / from[round]!.rate);

/** The speed-up of the reference by a second process and processor, the maximum on this machine. */
async function gainOfReference(stage: Stage, load: Load): Promise<number> {
  const [one, two] = [await stage.bare(), await stage.bare()];
  const [narrow, both] = await inTurn(
    [
      { targets: [one], cores: EVERYTHING_ON_ONE },
      { targets: [one, two], cores: EVERYTHING_ON_TWO },
    ],
    load,
  );
  await Promise.all([one.stop(), two.stop()]);
  return median(ratiosOf(narrow!, both!));
}

function compared(name: string, from: Spread[], to: Spread[], reference: number): Row {
  const of = (spreads: Spread[], figure: keyof Spread) => median(spreads.map((measured) => measured[figure]));
  const change = (figure: keyof Spread) => `${of(from, figure).toFixed(0)} → ${of(to, figure).toFixed(0)}`;
  const load = of(to, 'generator').toFixed(0);
  return rowOfRatios(
    name,
    ratiosOf(from, to),
    MIN_RATIO,
    `${change('rate')} requests/s; CPU per request ${change('cpu')} µs, of the load ${load} µs; two of the bare reference on two cores ÷ one on one: ${reference.toFixed(2)}`,
  );
}

/**
 * Two instances against one, on rows that PostgreSQL has no part in. Load and Redis run on the same processors as the
 * instances: one instance and they fill a processor, two and they fill two. Where the one instance has both processors too,
 * load and Redis take the second, and the ratio says what two instances add to a machine that is busy already.
 */
export const instances: RowDefinition[] = [
  {
    id: 'instances',
    run: async (stage, { seconds }) => {
      await requireWrk((line) => console.error(line));
      const members = await createMembers(stage.settings, 128, 'instances');
      const tokens = members.map(({ access }) => access);
      const redis = await redisPid(stage.settings.redis.url!);
      const load = { tokens, seconds, redis };
      const reference = await gainOfReference(stage, { ...load, path: '/cached' });
      const [one, two] = [await stage.service(), await stage.service()];
      const arrangements = [
        { targets: [one], cores: EVERYTHING_ON_ONE },
        { targets: [one], cores: EVERYTHING_ON_TWO },
        { targets: [one, two], cores: EVERYTHING_ON_TWO },
      ];
      const rows: Row[] = [];
      for (const path of ['/users/profile', '/auth/verify']) {
        const [narrow, wide, both] = await inTurn(arrangements, { ...load, path });
        rows.push(
          compared(`GET ${path}: two instances on two cores ÷ one on one`, narrow!, both!, reference),
          compared(`GET ${path}: two instances ÷ one, both on two cores`, wide!, both!, reference),
        );
      }
      pin(redis, EVERY_CORE);
      await Promise.all([one.stop(), two.stop()]);
      return rows;
    },
  },
];
