import {
  chooseCommand,
  flag,
  numberOption,
  operand,
  readArguments,
  required,
  textOption,
  timeOption,
  UsageError,
  withDefault,
  wordsOption,
  yes,
} from '../scripts/lib/arguments.js';
import { confirm } from '../scripts/lib/command.js';

const COMMAND = {
  call: 'npm run example --',
  does: 'shows how',
  options: {
    users: required(numberOption('how many', 1, 10)),
    share: withDefault(numberOption('a part', 0, 1, true), 0.5),
    row: wordsOption('ROW', 'some rows', ['a', 'b']),
    out: textOption('FILE', 'where to', (name) => name.endsWith('.md')),
    name: operand(textOption('NAME', 'what to call it')),
    force: flag('all the same'),
    yes,
  },
};

const read = (line: string) => readArguments(COMMAND, line.split(' '));

describe('arguments of a command', () => {
  it('are read with their defaults', () => {
    expect(read('Ada --users 3')).toEqual({
      users: 3,
      share: 0.5,
      row: undefined,
      out: undefined,
      name: 'Ada',
      force: false,
      yes: false,
    });
    expect(read('--users=10 --share 0.25 --row a --row b Ada --out x.md --force --yes')).toEqual({
      users: 10,
      share: 0.25,
      row: ['a', 'b'],
      out: 'x.md',
      name: 'Ada',
      force: true,
      yes: true,
    });
  });

  it.each([
    ['Ada', '--users is missing'],
    ['--users 3', 'NAME is missing'],
    ['Ada --users', 'argument missing'],
    ['Ada --users=', '--users must be a whole number from 1 to 10, not ""'],
    ['Ada --users 0', '--users must be a whole number'],
    ['Ada --users 11', '--users must be a whole number'],
    ['Ada --users 1.5', '--users must be a whole number'],
    ['Ada --users 3 --users 4', '--users is given 2 times'],
    ['Ada --users 3 --share 2', '--share must be a number from 0 to 1'],
    ['Ada --users 3 --row c', '--row must be one of a, b'],
    ['Ada --users 3 --out x.txt', '--out must be FILE'],
    ['Ada --users 3 --out --force', 'argument is ambiguous'],
    ['Ada Grace --users 3', '"Grace" is not an argument'],
    ['Ada --users 3 --nonsense', "Unknown option '--nonsense'"],
    ['Ada --users 3 -x', "Unknown option '-x'"],
    ['Ada --users 3 --yes=no', 'does not take an argument'],
  ])('are refused with the reason and the usage: %s', (line, reason) => {
    expect(() => read(line)).toThrow(UsageError);
    expect(() => read(line)).toThrow(reason);
    expect(() => read(line)).toThrow(
      '\nusage: npm run example -- --users N [--share N] [--row ROW …] [--out FILE] NAME',
    );
  });

  it.each(['--help', '-h', 'Ada --nonsense --help', '--users --help'])('print the usage for %s', (line) => {
    const printed = jest.spyOn(console, 'log').mockReturnValue();
    const exit = jest.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    expect(() => read(line)).toThrow('exit 0');
    expect(printed.mock.lastCall![0]).toMatch(/^usage: npm run example[^]*--yes +does it without asking/);
    exit.mockRestore();
    printed.mockRestore();
  });

  it.each(['', 'nonsense', 'toString'])('are refused without a known command: %j', (word) => {
    const { argv } = process;
    process.argv = ['node', 'script', ...(word ? [word] : [])];
    expect(() => chooseCommand('npm run it', { go: { does: 'goes' } })).toThrow(/\nusage: npm run it COMMAND/);
    process.argv = argv;
  });
});

describe('a time', () => {
  const command = { call: 'example', does: 'shows how', options: { since: timeOption('from this time on') } };
  const since = (time: string) => readArguments(command, ['--since', time]).since;

  it('is in UTC unless it has an offset', () => {
    expect(since('2026-11-28')).toEqual(new Date('2026-11-28T00:00Z'));
    expect(since('2026-11-28T10:30')).toEqual(new Date('2026-11-28T10:30Z'));
    expect(since('2026-11-28T10:30+01:00')).toEqual(new Date('2026-11-28T09:30Z'));
    expect(readArguments(command, []).since).toBeUndefined();
  });

  // JavaScript takes these for days of 2001 and for 2 March.
  it.each(['10', 'May 5', '2026-02-30'])('is refused where it is not ISO 8601: %s', (time) => {
    expect(() => since(time)).toThrow(UsageError);
  });
});

describe('a confirmation', () => {
  it('passes with --yes, and fails without a terminal', async () => {
    await confirm(true, 'This deletes all.');
    // Standard input of the specs is no terminal.
    await expect(confirm(false, 'This deletes all.')).rejects.toThrow(/^This deletes all\. Nothing was done.*--yes/);
  });
});
