import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { randomUUID } from 'node:crypto';
import { load } from '../lib/load.js';
import { createMembers, PASSWORD } from '../lib/members.js';
import { median } from '../lib/quantiles.js';
import type { RowDefinition } from '../lib/row.js';

/** Hashes or compares a second that bcrypt itself does on all processors. */
async function bcryptRate(work: () => Promise<unknown>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      while (performance.now() < end) {
        await work();
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - started) / 1000);
}

const PAIRS = 3;

export const hashing: RowDefinition[] = [
  {
    id: 'login',
    run: async (stage, { seconds }) => {
      const members = await createMembers(stage.settings, 64, 'login');
      const service = await stage.service();
      const hash = await bcrypt.hash(PASSWORD, stage.settings.bcryptCost);
      const login = {
        method: 'POST' as const,
        path: '/auth/login',
        body: (index: number) => ({ email: members[index % members.length]!.email, password: PASSWORD }),
        check: (body: string) => 'access_token' in (JSON.parse(body) as object),
      };
      const profile = {
        method: 'GET' as const,
        path: '/users/profile',
        headers: (index: number) => ({ authorization: `Bearer ${members[index]!.access}` }),
        check: (body: string) => 'email' in (JSON.parse(body) as object),
      };
      const side = { seconds, connections: 2, overallRate: 50 };
      await load(service, profile, side);
      const idle = await load(service, profile, side);
      const ratios: number[] = [];
      const meanwhile: number[] = [];
      for (let pair = 0; pair < PAIRS; pair += 1) {
        const ours = await load(service, login, { seconds, connections: 8 });
        const theirs = await bcryptRate(() => bcrypt.compare(PASSWORD, hash), seconds);
        ratios.push(ours.rate / theirs);
        const [, beside] = await Promise.all([
          load(service, login, { seconds, connections: 8 }),
          load(service, profile, side),
        ]);
        meanwhile.push(beside.p99);
      }
      await service.stop();
      const [ratio, p99] = [median(ratios), median(meanwhile)];
      return [
        { name: 'POST /auth/login ÷ bcrypt', goal: '≥ 0.95', met: ratio >= 0.95, ratio, ratios },
        {
          name: 'GET /users/profile p99 during logins ÷ idle',
          goal: '≤ 3',
          met: p99 / Math.max(1, idle.p99) <= 3,
          ratio: p99 / Math.max(1, idle.p99),
          note: `${p99} ms against ${idle.p99} ms`,
        },
      ];
    },
  },
  {
    id: 'register',
    run: async (stage, { seconds }) => {
      const service = await stage.service();
      const register = {
        method: 'POST' as const,
        path: '/auth/register',
        body: () => ({ email: `${randomUUID()}@bench.example`, name: 'Bench Member', password: PASSWORD }),
        check: (body: string) => 'access_token' in (JSON.parse(body) as object),
      };
      await load(service, register, { seconds: 2, connections: 8 });
      const ratios: number[] = [];
      for (let pair = 0; pair < PAIRS; pair += 1) {
        const ours = await load(service, register, { seconds, connections: 8 });
        const theirs = await bcryptRate(() => bcrypt.hash(PASSWORD, stage.settings.bcryptCost), seconds);
        ratios.push(ours.rate / theirs);
      }
      await service.stop();
      const ratio = median(ratios);
      return [{ name: 'POST /auth/register ÷ bcrypt', goal: '≥ 0.9', met: ratio >= 0.9, ratio, ratios }];
    },
  },
];
