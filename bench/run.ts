import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { toMarkdown, writeReport } from './lib/report.js';
import type { Row } from './lib/row.js';
import { createStage } from './lib/stage.js';
import { hashing } from './rows/hashing.js';
import { instances } from './rows/instances.js';
import { processRows } from './rows/process.js';
import { relay } from './rows/relay.js';
import { routes } from './rows/routes.js';

const definitions = [...routes, ...hashing, ...relay, ...instances, ...processRows];

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '8' },
    minutes: { type: 'string', default: '10' },
    json: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
});

const chosen = definitions.filter(({ id }) => values.row === undefined || values.row.includes(id));
if (chosen.length === 0) {
  console.error(`--row must be one of: ${definitions.map(({ id }) => id).join(', ')}`);
  process.exit(2);
}

const options = { seconds: Number(values.seconds), minutes: Number(values.minutes) };
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
// A part of the table must not replace the whole one.
if (values.row === undefined) writeReport(rows, options.seconds);
process.exitCode = values.strict && rows.some(({ met }) => !met) ? 1 : 0;
