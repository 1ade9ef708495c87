/**
 * The records of a CSV text (RFC 4180): quoted fields may hold commas, quotation marks and line breaks.
 * @param chunks of the text, cut anywhere
 */
export async function* csvRecords(chunks: AsyncIterable<string>): AsyncGenerator<string[]> {
  let [record, field] = [[] as string[], ''];
  // `closed`: behind a quotation mark that ends the field, or is the first of two that stand for one.
  let state: 'plain' | 'quoted' | 'closed' = 'plain';
  for await (const chunk of chunks)
    for (const character of chunk) {
      if (state === 'quoted') {
        if (character === '"') state = 'closed';
        else field += character;
      } else if (character === '"' && (state === 'closed' || field === '')) {
        if (state === 'closed') field += character;
        state = 'quoted';
      } else if (character === ',' || character === '\n') {
        record.push(field);
        [field, state] = ['', 'plain'];
        if (character === ',') continue;
        yield record;
        record = [];
      } else if (character !== '\r') field += character;
    }
  if (field !== '' || record.length > 0) yield [...record, field];
}

/** A line of CSV. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map((value) => String(value ?? '').replace(/^.*[",\r\n].*$/s, (text) => `"${text.replaceAll('"', '""')}"`)).join(',')}\n`;
}
