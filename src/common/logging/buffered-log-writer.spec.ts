import { pbkdf2 } from 'node:crypto';
import fs, { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BufferedLogWriter } from './buffered-log-writer.js';

const hash = promisify(pbkdf2);
const folder = mkdtempSync(join(tmpdir(), 'meetinity-lines-'));
const written = () => readFileSync(file, 'utf8');

async function eventually(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 2000; !condition() && Date.now() < end;) await sleep(10);
}

let file: string;
let buffer: BufferedLogWriter;

beforeEach(() => {
  file = join(folder, expect.getState().currentTestName!.replaceAll(/\W/g, '-'));
  buffer = new BufferedLogWriter(file, 'the log');
});
afterAll(() => rmSync(folder, { recursive: true }));

it('writes lines in order once a chunk is full', async () => {
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index} ${'x'.repeat(100)}\n`);
  for (const line of lines) buffer.write(line);
  await eventually(() => written().length > 16_000);
  expect(written().length).toBeGreaterThan(16_000);
  expect(lines.join('').startsWith(written())).toBe(true);
  await eventually(() => written().length === lines.join('').length);
  expect(written()).toBe(lines.join(''));
});

it('writes whole lines of at most 4,096 bytes at once', async () => {
  const pieces: string[] = [];
  const { write } = fs;
  jest.spyOn(fs, 'write').mockImplementation(((
    fd: number,
    chunk: Buffer,
    from: number,
    length: number,
    done: never,
  ) => {
    pieces.push(chunk.toString('utf8', from, from + length));
    write(fd, chunk, from, length, done);
  }) as never);
  for (let index = 0; index < 200; index += 1) buffer.write(`line ${index} ${'é'.repeat(index)}\n`);
  await eventually(() => pieces.join('').includes('line 199'));
  jest.restoreAllMocks();
  expect(pieces.filter((piece) => !piece.endsWith('\n') || Buffer.byteLength(piece) > 4096)).toEqual([]);
});

it('writes a single line after a short delay', async () => {
  buffer.write('alone\n');
  expect(written()).toBe('');
  await eventually(() => written() !== '');
  expect(written()).toBe('alone\n');
});

it('writes buffered lines when the process ends, even if the thread pool is busy', async () => {
  const work = Array.from({ length: 16 }, () => hash('a password', 'salt', 200_000, 32, 'sha256'));
  buffer.write('the last words\n');
  for (const listener of process.listeners('exit'))
    if (String(listener).includes('unwritten')) (listener as () => void)();
  expect(written()).toBe('the last words\n');
  await Promise.all(work);
});

describe('a failed write', () => {
  let said: string[];

  beforeEach(() => {
    said = [];
    const { writeSync } = fs;
    jest.spyOn(fs, 'writeSync').mockImplementation((fd, text) => {
      if (fd !== 2) return writeSync(fd, text as string);
      return said.push(String(text));
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it('throws if the file cannot be opened', () => {
    expect(() => new BufferedLogWriter(join(file, 'below'), 'LOG_FILE')).toThrow(/^LOG_FILE cannot be opened: EEXIST/);
    expect(() => new BufferedLogWriter(folder, 'LOG_FILE')).toThrow(/^LOG_FILE cannot be opened: EISDIR/);
  });

  it('drops lines and reports it once if the disk is full', async () => {
    const full = new BufferedLogWriter('/dev/full', 'LOG_FILE');
    for (const line of ['one', 'two']) {
      full.write(line);
      full.flush();
      await eventually(() => said.length > 0);
    }
    full.write('at the end');
    full.flushSync();
    expect(said).toEqual([expect.stringMatching(/^LOG_FILE cannot be written, lines are lost: ENOSPC.*\n$/)]);
  });

  it('does not block later lines once there is room again', async () => {
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    jest
      .spyOn(fs, 'write')
      .mockImplementationOnce(((...[, , , , done]: [unknown, unknown, unknown, unknown, (error: Error) => void]) =>
        setImmediate(() => done(full))) as unknown as typeof fs.write);
    buffer.write('lost\n');
    buffer.flush();
    await eventually(() => said.length === 1);
    buffer.write('kept\n');
    await eventually(() => said.length === 2);
    expect(said[1]).toBe('the log is written again\n');
    expect(written()).toBe('kept\n');
  });

  describe('to a full pipe', () => {
    beforeEach(() => {
      const busy = Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' });
      jest
        .spyOn(fs, 'write')
        .mockImplementationOnce(((...[, , , , done]: [unknown, unknown, unknown, unknown, (error: Error) => void]) =>
          setImmediate(() => done(busy))) as unknown as typeof fs.write);
      buffer.write('first\n');
      buffer.flush();
      buffer.write('second\n');
    });

    it('is retried', async () => {
      buffer.flush();
      await eventually(() => written() === 'first\nsecond\n');
      expect([written(), said]).toEqual(['first\nsecond\n', []]);
    });

    it('is completed when the process ends', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      buffer.flushSync();
      expect([written(), said]).toEqual(['first\nsecond\n', []]);
    });
  });
});
