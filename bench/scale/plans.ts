import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { begin, drawFor, openSite } from './measure.js';
import type { ScaleRow } from './row.js';
import type { Size } from './stage.js';

const FOLDER = 'docs/plans';

/** auto_explain logs every statement with its actual plan. */
const EXPLAIN = {
  session_preload_libraries: `'auto_explain'`,
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_level': 'log',
};
/** Runs per row, of which the last is kept: the first ones fill the connection's caches. */
const PLAN_ATTEMPTS = 7;

async function alterDatabase(size: Size, clauses: string[]): Promise<void> {
  const client = new Client({ connectionString: size.url });
  await client.connect();
  const name = new URL(size.url).pathname.slice(1);
  for (const clause of clauses) await client.query(`ALTER DATABASE ${name} ${clause}`);
  await client.end();
}

/** The plans in a part of PostgreSQL's log, where lines of the same entry are indented. */
function plansIn(log: string): string[] {
  const entries = log.split(/\n(?!\t)/).filter((entry) => entry.includes('  plan:\n'));
  const byQuery = new Map<string, string>();
  for (const entry of entries) {
    const plan = entry.slice(entry.indexOf('\n') + 1).replaceAll(/^\t/gm, '');
    byQuery.set(plan.slice(0, plan.search(/\(cost=/)), plan);
  }
  return [...byQuery.values()];
}

/** Writes one file per row with the plans of its statements, in the order of their first use. */
export async function writePlans(size: Size, rows: ScaleRow[], serverLog: string): Promise<void> {
  const set = Object.entries(EXPLAIN).map(([name, value]) => `SET ${name} = ${value}`);
  await alterDatabase(size, set);
  mkdirSync(FOLDER, { recursive: true });
  const site = await openSite(size);
  try {
    const members = await drawFor(rows, site);
    for (const row of rows) {
      const { tasks, end } = await begin(row, site, members.get(row)!);
      let before = 0;
      for (const task of tasks.slice(0, PLAN_ATTEMPTS)) {
        await sleep(20);
        before = readFileSync(serverLog).length;
        await task();
      }
      await sleep(100);
      await end();
      const plans = plansIn(readFileSync(serverLog).subarray(before).toString());
      const title = `# ${row.name}\n\n${size.users.toLocaleString('en')} users. Made by \`npm run bench:plans\`.\n`;
      const text = plans.length === 0 ? '\nNo statement: the answer comes from Redis.\n' : '';
      const blocks = plans.map((plan) => `\n\`\`\`\n${plan.trimEnd()}\n\`\`\`\n`);
      writeFileSync(join(FOLDER, `${row.id}.md`), title + text + blocks.join(''));
    }
  } finally {
    await site.close();
    const reset = Object.keys(EXPLAIN).map((name) => `RESET ${name}`);
    await alterDatabase(size, reset);
  }
}
