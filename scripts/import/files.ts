import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { csvRecords } from './csv.js';
import type { SourceRow, Values } from './source.js';

const open = (file: string) => createReadStream(file, { encoding: 'utf8' });
const withoutByteOrderMark = (text: string) => text.replace(/^\ufeff/, '');

export async function* readCsv(file: string): AsyncGenerator<SourceRow> {
  let header: string[] | null = null;
  let number = 0;
  for await (const record of csvRecords(open(file))) {
    if (!header) {
      header = record.map((name) => withoutByteOrderMark(name).trim().toLowerCase());
      continue;
    }
    if (record.length === 1 && record[0] === '') continue;
    number += 1;
    const fault = `has ${record.length} fields instead of ${header.length}`;
    const values: Values = Object.fromEntries(header.map((name, index) => [name, record[index] || null]));
    yield record.length === header.length ? { number, values, children: {} } : { number, fault };
  }
}

/** One JSON object a line; lists and objects within are kept as JSON text, as the old tables have them. */
export async function* readJsonLines(file: string): AsyncGenerator<SourceRow> {
  let number = 0;
  for await (const line of createInterface({ input: open(file), crlfDelay: Infinity })) {
    if (withoutByteOrderMark(line).trim() === '') continue;
    number += 1;
    const object = parseObject(withoutByteOrderMark(line));
    if (!object) {
      yield { number, fault: 'is no JSON object' };
      continue;
    }
    const toText = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
    const entries = Object.entries(object).map(([name, value]) => [name, value === null ? null : toText(value)]);
    yield { number, values: Object.fromEntries(entries) as Values, children: {} };
  }
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
