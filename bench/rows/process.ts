import { randomUUID } from 'node:crypto';
import { median } from '../lib/quantiles.js';
import { load } from '../lib/load.js';
import { createMembers } from '../lib/members.js';
import { residentMiB } from '../lib/process.js';
import type { RowDefinition } from '../lib/row.js';

/** Requests per second of the mixed load: enough to show a leak, without a busy machine. */
const READ_ATTEMPTS = 400;
const WRITE_ATTEMPTS = 50;

export const processRows: RowDefinition[] = [
  {
    id: 'start',
    run: async (stage) => {
      const times: number[] = [];
      for (let run = 0; run < 4; run += 1) {
        const service = await stage.service();
        // The first start warms the file cache.
        if (run > 0) times.push(service.startedInMs);
        await service.stop();
      }
      const seconds = median(times) / 1000;
      return [{ name: 'start to first answer', goal: '≤ 1.5 s', met: seconds <= 1.5, ratio: seconds, note: 'seconds' }];
    },
  },
  {
    id: 'memory',
    run: async (stage, { minutes }) => {
      const members = await createMembers(stage.settings, 64, 'memory');
      const service = await stage.service();
      const headers = (index: number) => ({ authorization: `Bearer ${members[index % members.length]!.access}` });
      const check = (body: string) => 'email' in (JSON.parse(body) as object);
      const read = { method: 'GET' as const, path: '/users/profile', headers, check };
      const write = { ...read, method: 'PUT' as const, body: () => ({ bio: randomUUID() }) };
      const mixed = (seconds: number) =>
        Promise.all([
          load(service, read, { seconds, connections: 8, overallRate: READ_ATTEMPTS }),
          load(service, write, { seconds, connections: 4, overallRate: WRITE_ATTEMPTS }),
        ]);
      await mixed(60);
      const early = residentMiB(service.pid);
      await mixed(Math.max(1, minutes - 1) * 60);
      const late = residentMiB(service.pid);
      await service.stop();
      return [
        {
          name: `memory after ${minutes} minutes ÷ after 1 minute`,
          goal: '≤ 1.10, under 250 MiB',
          met: late / early <= 1.1 && late < 250,
          ratio: late / early,
          note: `${early.toFixed(0)} MiB, then ${late.toFixed(0)} MiB`,
        },
      ];
    },
  },
];
