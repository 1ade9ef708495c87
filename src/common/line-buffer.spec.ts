import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { destination } from 'pino';
import { LineBuffer } from './line-buffer.js';

const folder = mkdtempSync(join(tmpdir(), 'meetinity-lines-'));
const written = (file: string) => readFileSync(file, 'utf8');

let file: string;
let buffer: LineBuffer;

beforeEach(() => {
  file = join(folder, expect.getState().currentTestName!.replaceAll(/\W/g, '-'));
  buffer = new LineBuffer(destination({ dest: file, sync: true }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('hands on what came in, in its order, once there is enough of it', () => {
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index} ${'x'.repeat(100)}\n`);
  for (const line of lines) buffer.write(line);
  const text = written(file);
  expect(text.length).toBeGreaterThan(16_000);
  expect(lines.join('').startsWith(text)).toBe(true);
});

it('lets a single line wait a fifth of a second at most', async () => {
  buffer.write('alone\n');
  expect(written(file)).toBe('');
  for (const end = Date.now() + 2000; written(file) === '' && Date.now() < end;) await sleep(10);
  expect(written(file)).toBe('alone\n');
});

it('writes what waits when the process ends', () => {
  buffer.write('the last words\n');
  for (const listener of process.listeners('exit'))
    if (String(listener).includes('unwritten')) (listener as () => void)();
  expect(written(file)).toBe('the last words\n');
});
