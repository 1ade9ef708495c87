import { type Client, Query } from 'pg';

type Value = string | number | boolean | Date | null | readonly string[];

const CHUNK_CHARS = 64 * 1024;
const SPECIAL: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** One line of COPY's text format. */
export function copyLine(values: readonly Value[]): string {
  return `${values.map(field).join('\t')}\n`;
}

function field(value: Value): string {
  if (value === null) return '\\N';
  if (typeof value === 'string') return escape(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object')
    return escape(`{${value.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join()}}`);
  return String(value);
}

function escape(text: string): string {
  return /[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (character) => SPECIAL[character]!) : text;
}

interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** Sends `lines` into `COPY <target> FROM STDIN`: several times the speed of INSERT. */
export function copyInto(client: Client, target: string, lines: readonly string[]): Promise<void> {
  // The hook by which pg-copy-streams works too; pg's own query answers the server's invitation with a refusal.
  const query = Object.assign(new Query(`COPY ${target} FROM STDIN`), {
    handleCopyInResponse(connection: CopyConnection) {
      for (const chunk of chunksOf(lines)) connection.sendCopyFromChunk(Buffer.from(chunk));
      connection.endCopyFrom();
    },
  });
  return new Promise((resolve, reject) => {
    query.once('end', () => resolve()).once('error', reject);
    client.query(query);
  });
}

function* chunksOf(lines: readonly string[]): Generator<string> {
  let chunk = '';
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk) yield chunk;
}
