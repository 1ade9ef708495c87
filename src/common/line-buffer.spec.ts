import { pbkdf2 } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LineBuffer } from './line-buffer.js';

const hash = promisify(pbkdf2);
const folder = mkdtempSync(join(tmpdir(), 'meetinity-lines-'));
const written = () => readFileSync(file, 'utf8');

async function eventually(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 2000; !condition() && Date.now() < end;) await sleep(10);
}

let file: string;
let buffer: LineBuffer;

beforeEach(async () => {
  file = join(folder, expect.getState().currentTestName!.replaceAll(/\W/g, '-'));
  buffer = new LineBuffer({ dest: file });
  await eventually(() => existsSync(file));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('hands on what came in, in its order, once there is enough of it', async () => {
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index} ${'x'.repeat(100)}\n`);
  for (const line of lines) buffer.write(line);
  await eventually(() => written() !== '');
  expect(written().length).toBeGreaterThan(16_000);
  expect(lines.join('').startsWith(written())).toBe(true);
  await eventually(() => written().length === lines.join('').length);
  expect(written()).toBe(lines.join(''));
});

it('lets a single line wait a fifth of a second at most', async () => {
  buffer.write('alone\n');
  expect(written()).toBe('');
  await eventually(() => written() !== '');
  expect(written()).toBe('alone\n');
});

it('has written what waits when the process ends, however busy the threads are that write', async () => {
  const work = Array.from({ length: 16 }, () => hash('a password', 'salt', 200_000, 32, 'sha256'));
  buffer.write('the last words\n');
  for (const listener of process.listeners('exit'))
    if (String(listener).includes('unwritten')) (listener as () => void)();
  expect(written()).toBe('the last words\n');
  await Promise.all(work);
});
