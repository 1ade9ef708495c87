import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { jobRows } from './scale/job-rows.js';
import { measure, openSite } from './scale/measure.js';
import { writePlans } from './scale/plans.js';
import { routeRows } from './scale/route-rows.js';
import { createScaleStage } from './scale/stage.js';
import { toLines, toTable } from './scale/table.js';

/** What a request and the service's own jobs cost at several numbers of users, the smallest as the measure. */
const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '10000,1000000,5000000' },
    rounds: { type: 'string', default: '5' },
    row: { type: 'string', multiple: true },
    keep: { type: 'string' },
    plans: { type: 'boolean', default: false },
    json: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
});

const all = [...routeRows, ...jobRows];
const rows = all.filter(({ id }) => values.row === undefined || values.row.includes(id));
const counts = values.users.split(',').map(Number);
const rounds = Number(values.rounds);
if (rows.length === 0 || !counts.every((count) => Number.isInteger(count) && count >= 5000) || !(rounds >= 0)) {
  console.error(`usage: npm run bench:scale -- [--users 10000,1000000] [--rounds 5] [--keep FOLDER] [--plans] [--json FILE]
  [--strict] [--row ROW]…
  --users   5000 or more each; a database is made for each, which takes about seven minutes a million
  --keep    keeps the databases in the folder, and uses those that are there
  --plans   writes docs/plans, at the largest size
  --row     one of: ${all.map(({ id }) => id).join(', ')}`);
  process.exit(2);
}

const DOCUMENT = 'docs/scaling.md';

/** Puts the table where the document has its marks. */
function writeTable(table: string): void {
  const [open, close] = ['<!-- bench:scale -->', '<!-- /bench:scale -->'];
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, after] = [text.slice(0, text.indexOf(open) + open.length), text.slice(text.indexOf(close))];
  writeFileSync(DOCUMENT, `${before}\n\n${table}\n\n${after}`);
}

const log = (line: string) => console.error(line);
const stage = await createScaleStage(counts, values.keep, log);
try {
  if (rounds > 0) {
    const sites = [];
    for (const size of stage.sizes) sites.push(await openSite(size));
    const lines = toLines(await measure(sites, rows, rounds, log));
    for (const site of sites) await site.close();
    console.log(toTable(lines));
    // A part of the table must not replace the whole one.
    if (values.row === undefined) writeTable(toTable(lines));
    if (values.json) writeFileSync(values.json, `${JSON.stringify(lines, null, 2)}\n`);
    process.exitCode = values.strict && lines.some(({ met }) => !met) ? 1 : 0;
  }
  if (values.plans) await writePlans(stage.sizes.at(-1)!, rows, stage.serverLog);
} finally {
  await stage.stop();
}
