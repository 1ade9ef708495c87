import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { load, Measured } from '../lib/load.js';
import { createMembers } from '../lib/members.js';
import { median } from '../lib/quantiles.js';
import type { RowDefinition } from '../lib/row.js';
import { update } from './routes.js';

const PAIR_ATTEMPTS = 6;
const MIN_RATIO = 0.97;
const MEMBERS_ENTRIES = 128;

/** The cost of signing the audit for profile updates. One service at a time: the relay's leader signs for all. */
export const witness: RowDefinition[] = [
  {
    id: 'audit-witness',
    run: async (stage, { seconds }) => {
      const members = await createMembers(stage.settings, MEMBERS_ENTRIES, 'witness');
      const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-witness-'));
      const key = { AUDIT_WITNESS_KEY: randomBytes(32).toString('base64'), AUDIT_WITNESS_FOLDER: folder };
      const measure = async (values: Record<string, string>): Promise<Measured> => {
        const service = await stage.service({ values });
        const script = update(members, '/users/profile');
        await load(service, script, { seconds: Math.max(2, seconds / 2) });
        // The relay is at rest before either is measured; entries of the unsigned run are signed by then.
        const backlog = `SELECT (SELECT count(*) FROM outbox_events WHERE published_at IS NULL) AS events,
                                (SELECT count(*) FROM audit_logs) - (SELECT count(*) FROM audit_leaves) AS unsigned`;
        const waits = async () => {
          const { events, unsigned } = (await stage.query(backlog))[0]!;
          return Number(events) > 0 || ('AUDIT_WITNESS_KEY' in values && Number(unsigned) > 0);
        };
        while (await waits()) await sleep(500);
        const measured = await load(service, script, { seconds });
        await service.stop();
        return measured;
      };
      const pairs: [Measured, Measured][] = [];
      for (let pair = 0; pair < PAIR_ATTEMPTS; pair += 1) {
        // Each is first in turn: the tables grow while they are measured.
        const first = pair % 2 === 0 ? await measure(key) : await measure({});
        pairs.push(pair % 2 === 0 ? [first, await measure({})] : [await measure(key), first]);
      }
      rmSync(folder, { recursive: true });
      const ratios = pairs.map(([signed, plain]) => signed.rate / plain.rate);
      const ratio = median(ratios);
      const name = 'PUT /users/profile, audit signed ÷ not signed';
      const [service, reference] = pairs.at(-1)!;
      return [{ name, goal: `≥ ${MIN_RATIO}`, met: ratio >= MIN_RATIO, ratio, ratios, service, reference }];
    },
  },
];
