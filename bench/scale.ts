import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { flag, numberOption, textOption, withDefault, wordsOption } from '../scripts/lib/arguments.js';
import { prepareBench } from './lib/arguments.js';
import { jobRows } from './scale/job-rows.js';
import { measure, openSite } from './scale/measure.js';
import { writePlans } from './scale/plans.js';
import { routeRows } from './scale/route-rows.js';
import { createScaleStage } from './scale/stage.js';
import { toLines, toTable } from './scale/table.js';

const all = [...routeRows, ...jobRows];
const ids = all.map(({ id }) => id);
const toCounts = (list: string) => list.split(',').map(Number);
const areCounts = (list: string) => toCounts(list).every((count) => Number.isInteger(count) && count >= 5000);
const values = prepareBench({
  call: 'npm run bench:scale --',
  does: "what a request and the service's own jobs cost at several numbers of users, the smallest as the measure",
  options: {
    users: withDefault(
      textOption('LIST', '5000 or more each; a database is made for each, about seven minutes a million', areCounts),
      '10000,1000000,5000000',
    ),
    rounds: withDefault(numberOption('rounds of measurements', 0, 1000), 5),
    row: wordsOption('ROW', 'only these rows', ids),
    keep: textOption('FOLDER', 'keeps the databases there, and uses those that are there'),
    plans: flag('writes docs/plans, at the largest size'),
    json: textOption('FILE', 'writes the table as data too'),
    strict: flag('exit code 1 where a goal is missed'),
  },
});
const rows = all.filter(({ id }) => values.row === undefined || values.row.includes(id));
const { rounds } = values;

const DOCUMENT = 'docs/scaling.md';

/** Replaces the table between the marks of the document. */
function writeTable(table: string): void {
  const [open, close] = ['<!-- bench:scale -->', '<!-- /bench:scale -->'];
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, after] = [text.slice(0, text.indexOf(open) + open.length), text.slice(text.indexOf(close))];
  writeFileSync(DOCUMENT, `${before}\n\n${table}\n\n${after}`);
}

const log = (line: string) => console.error(line);
const stage = await createScaleStage(toCounts(values.users), values.keep, log);
try {
  if (rounds > 0) {
    const sites = [];
    for (const size of stage.sizes) sites.push(await openSite(size));
    const lines = toLines(await measure(sites, rows, rounds, log));
    for (const site of sites) await site.close();
    console.log(toTable(lines));
    // A partial table must not replace the complete one.
    if (values.row === undefined) writeTable(toTable(lines));
    if (values.json) writeFileSync(values.json, `${JSON.stringify(lines, null, 2)}\n`);
    process.exitCode = values.strict && lines.some(({ met }) => !met) ? 1 : 0;
  }
  if (values.plans) await writePlans(stage.sizes.at(-1)!, rows, stage.serverLog);
} finally {
  await stage.stop();
}
