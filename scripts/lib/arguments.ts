import { parseArgs } from 'node:util';
import { parseIso8601 } from '../../src/common/dto/iso8601.js';

/** Wrong arguments: exit code 2. */
export class UsageError extends Error {}

export interface Option<T> {
  help: string;
  /** Name of its value in the usage text; a flag has none. */
  value?: string;
  /** Positional, without a name. */
  operand?: boolean;
  required?: boolean;
  /** May be repeated. */
  repeats?: boolean;
  /** @throws UsageError for too few, too many or invalid values */
  read(given: string[], name: string): T;
}

export interface Command<O extends Record<string, Option<unknown>>> {
  /** The command line, such as `npm run seed --`. */
  call: string;
  does: string;
  options: O;
}

export type Values<O> = { [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** True if present. */
export function flag(help: string): Option<boolean> {
  return { help, read: (given) => given.length > 0 };
}

/** For a command that deletes data or cannot be undone; see `confirm`. */
export const yes = flag('does it without asking');

/** @param isValid refuses a text; an empty one is refused anyway */
export function textOption(
  value: string,
  help: string,
  isValid?: (given: string) => boolean,
): Option<string | undefined> {
  const read = ([given]: string[], name: string) => {
    if (given !== undefined && (given.trim() === '' || isValid?.(given) === false))
      throw new UsageError(`${name} must be ${value}, not "${given}"`);
    return given;
  };
  return { value, help, read };
}

/** An ISO 8601 date or date-time, UTC unless it has an offset. */
export function timeOption(help: string): Option<Date | undefined> {
  const option = textOption('TIME', `${help}, as ISO 8601`, (given) => parseIso8601(given) !== undefined);
  return { ...option, read: (given, name) => parseIso8601(option.read(given, name) ?? '') };
}

/** One or more words of a list. */
export function wordsOption(value: string, help: string, allowed: string[]): Option<string[] | undefined> {
  const read = (given: string[], name: string) => {
    const unknown = given.find((word) => !allowed.includes(word));
    if (unknown !== undefined) throw new UsageError(`${name} must be one of ${allowed.join(', ')}, not "${unknown}"`);
    return given.length > 0 ? given : undefined;
  };
  return { value, help: `${help}; one of ${allowed.join(', ')}`, repeats: true, read };
}

/** @param fraction allows decimals */
export function numberOption(help: string, min: number, max: number, fraction = false): Option<number | undefined> {
  const read = ([given]: string[], name: string) => {
    if (given === undefined) return undefined;
    const value = given.trim() === '' ? Number.NaN : Number(given);
    if (!(value >= min && value <= max) || (!fraction && !Number.isInteger(value)))
      throw new UsageError(`${name} must be a ${fraction ? '' : 'whole '}number from ${min} to ${max}, not "${given}"`);
    return value;
  };
  return { value: 'N', help: `${help}, ${min} to ${max}`, read };
}

export function withDefault<T>(option: Option<T | undefined>, fallback: T): Option<T> {
  const read = (given: string[], name: string) => option.read(given, name) ?? fallback;
  return { ...option, help: `${option.help}; default ${String(fallback)}`, read };
}

export function required<T>(option: Option<T>): Option<Exclude<T, undefined>> {
  const read = (given: string[], name: string) => {
    if (given.length === 0) throw new UsageError(`${name} is missing`);
    return option.read(given, name) as Exclude<T, undefined>;
  };
  return { ...option, required: true, read };
}

export function operand<T>(option: Option<T>): Option<Exclude<T, undefined>> {
  return { ...required(option), operand: true };
}

/**
 * Parses and checks the arguments. For `--help` it prints the usage and exits.
 * @throws UsageError for unknown or invalid arguments
 */
export function readArguments<O extends Record<string, Option<unknown>>>(
  command: Command<O>,
  args = process.argv.slice(2),
): Values<O> {
  try {
    return parse(command.options, args, () => endWithHelp(usage(command)));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}\n${usage(command)}`);
  }
}

/** Splits the arguments into a command's name and the rest. For `--help` it prints the commands and exits. */
export function chooseCommand<N extends string>(
  call: string,
  commands: Record<N, { does: string }>,
): { name: N; args: string[] } {
  const [name = '', ...args] = process.argv.slice(2);
  if (Object.hasOwn(commands, name)) return { name: name as N, args };
  const entries = Object.entries<{ does: string }>(commands).map(([word, { does }]): [string, string] => [word, does]);
  const help = `usage: ${call} COMMAND [--help]\n${table(entries)}`;
  if (isHelp(name)) endWithHelp(help);
  throw new UsageError(`${name === '' ? 'a command is missing' : `there is no command "${name}"`}\n${help}`);
}

function parse<O extends Record<string, Option<unknown>>>(options: O, args: string[], onHelp: () => never): Values<O> {
  const entries = Object.entries(options);
  const named = entries.filter(([, option]) => !option.operand);
  const known = named.map(([name, { value }]) => [
    name,
    { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: true },
  ]);
  // In any place, even after an invalid argument.
  if (args.some(isHelp)) onHelp();
  const { values, positionals } = parseStrictly(args, Object.fromEntries(known));
  const operands = entries.filter(([, option]) => option.operand);
  if (positionals.length > operands.length)
    throw new UsageError(`"${positionals[operands.length]}" is not an argument of this command`);
  const read = entries.map(([name, option]) => {
    const place = operands.findIndex(([other]) => other === name);
    const given = place >= 0 ? positionals.slice(place, place + 1) : ((values[name] ?? []) as string[]);
    if (given.length > 1 && !option.repeats) throw new UsageError(`--${name} is given ${given.length} times`);
    return [name, option.read(given, place >= 0 ? option.value! : `--${name}`)];
  });
  return Object.fromEntries(read);
}

function parseStrictly(args: string[], options: Record<string, { type: 'string' | 'boolean'; multiple: boolean }>) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    // Drops Node's advice on quoting.
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]);
  }
}

const isHelp = (argument: string) => argument === '--help' || argument === '-h';

function endWithHelp(help: string): never {
  console.log(help);
  process.exit(0);
}

function usage({ call, does, options }: Command<Record<string, Option<unknown>>>): string {
  const entries = Object.entries(options);
  const rows = entries.map(([name, { value, operand: plain, help }]): [string, string] => {
    const word = plain ? value! : `--${name}${value === undefined ? '' : ` ${value}`}`;
    return [word, help];
  });
  const words = entries.map(([, option], index) => {
    const word = rows[index]![0] + (option.repeats ? ' …' : '');
    return option.required ? word : `[${word}]`;
  });
  const line = ['usage:', call, ...words].join(' ');
  return [line, `  ${does}`, ...(rows.length > 0 ? [table(rows)] : [])].join('\n');
}

function table(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([word]) => word.length));
  return rows.map(([word, help]) => `  ${word.padEnd(width)}  ${help}`).join('\n');
}
