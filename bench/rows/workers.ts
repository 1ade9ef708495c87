import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMembers } from '../lib/members.js';
import { cpuSeconds, Target } from '../lib/process.js';
import { median } from '../lib/quantiles.js';
import { type RowDefinition, rowOfRatios } from '../lib/row.js';
import { requireWrk, wrk } from '../lib/wrk.js';

const ROUND_ATTEMPTS = 5;
const CONNECTIONS = 16;
/** Of the gain of the bare reference. */
const MIN_RATIO = 0.9;
/** Until the second process serves too. */
const SETTLE_MS = 5000;

const childrenOf = ({ pid }: Target) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Requests per second, and the share of the busier process in the work of both. */
async function measure(target: Target, path: string, tokens: string[], seconds: number) {
  const children = childrenOf(target);
  const before = children.map(cpuSeconds);
  const run = await wrk(target, path, tokens, seconds, CONNECTIONS);
  const spent = children.map((pid, index) => cpuSeconds(pid) - before[index]!);
  return { rate: run.requests / run.seconds, share: Math.max(...spent) / spent.reduce((sum, value) => sum + value, 0) };
}

/** The rates of both in turn, after a warm-up: the gain of two processes over one in each round. */
async function compare(one: Target, two: Target, path: string, tokens: string[], seconds: number) {
  for (const target of [one, two]) await measure(target, path, tokens, seconds);
  const rounds = [];
  for (let round = 0; round < ROUND_ATTEMPTS; round += 1)
    rounds.push({
      one: await measure(one, path, tokens, seconds),
      two: await measure(two, path, tokens, seconds),
    });
  return {
    gains: rounds.map((found) => found.two.rate / found.one.rate),
    share: median(rounds.map((found) => found.two.share)),
    rates: `${median(rounds.map((found) => found.one.rate)).toFixed(0)} → ${median(rounds.map((found) => found.two.rate)).toFixed(0)}`,
  };
}

/** WORKERS=2 against one process, and the reference likewise. Load, Redis and PostgreSQL share the processors with them. */
export const workers: RowDefinition[] = [
  {
    id: 'workers',
    run: async (stage, { seconds }) => {
      await requireWrk((line) => console.error(line));
      const tokens = (await createMembers(stage.settings, 128, 'workers')).map(({ access }) => access);
      const bare = [await stage.bare(), await stage.bare([], 'bench/bare/workers.ts')] as const;
      await sleep(SETTLE_MS);
      const reference = await compare(...bare, '/cached', tokens, seconds);
      await Promise.all(bare.map((target) => target.stop()));
      const service = [await stage.service(), await stage.service({ values: { WORKERS: '2' } })] as const;
      await sleep(SETTLE_MS);
      const rows = [];
      for (const path of ['/auth/verify', '/users/profile']) {
        const { gains, share, rates } = await compare(...service, path, tokens, seconds);
        const [gain, bareGain] = [median(gains), median(reference.gains)];
        rows.push(
          rowOfRatios(
            `GET ${path}: gain of WORKERS=2 over one process ÷ that of the bare reference`,
            gains.map((value) => value / bareGain),
            MIN_RATIO,
            `${rates} requests/s (×${gain.toFixed(2)}), the busier process did ${(share * 100).toFixed(0)} %; bare ${reference.rates} (×${bareGain.toFixed(2)}), ${(reference.share * 100).toFixed(0)} %`,
          ),
        );
      }
      await Promise.all(service.map((target) => target.stop()));
      return rows;
    },
  },
];
