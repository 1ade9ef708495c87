import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { toMarkdown, writeReport } from './lib/report.js';
import type { Row } from './lib/row.js';
import { flag, numberOption, textOption, withDefault, wordsOption } from '../scripts/lib/arguments.js';
import { prepareBench } from './lib/arguments.js';
import { createStage } from './lib/stage.js';
import { hashing } from './rows/hashing.js';
import { instances } from './rows/instances.js';
import { processRows } from './rows/process.js';
import { refused } from './rows/refused.js';
import { relay } from './rows/relay.js';
import { routes } from './rows/routes.js';
import { witness } from './rows/witness.js';
import { workers } from './rows/workers.js';

const definitions = [...routes, ...hashing, ...relay, ...instances, ...processRows, ...refused, ...witness, ...workers];
const ids = definitions.map(({ id }) => id);

const values = prepareBench({
  call: 'npm run bench --',
  does: 'measures the service against the platform itself doing the same work; a whole table goes into docs/benchmarks.md',
  options: {
    row: wordsOption('ROW', 'only these rows', ids),
    seconds: withDefault(numberOption('length of one measurement', 1, 600), 8),
    minutes: withDefault(numberOption('length of the long ones', 0.1, 600, true), 10),
    json: textOption('FILE', 'writes the table as data too'),
    strict: flag('exit code 1 where a goal is missed'),
  },
});
const chosen = definitions.filter(({ id }) => values.row === undefined || values.row.includes(id));

const options = { seconds: values.seconds, minutes: values.minutes };
const stage = await createStage((line) => console.error(line));
const rows: Row[] = [];
try {
  for (const { id, run } of chosen) {
    console.error(`measuring ${id} …`);
    rows.push(...(await run(stage, options)));
  }
} finally {
  await stage.stop();
}

console.log(toMarkdown(rows));
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
// A partial table must not replace the complete one.
if (values.row === undefined) writeReport(rows, options.seconds);
process.exitCode = values.strict && rows.some(({ met }) => !met) ? 1 : 0;
