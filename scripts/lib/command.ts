import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { UsageError } from './arguments.js';

/**
 * Does the work of a command. A failure is one line on standard error and exit code 1, a wrong call exit code 2.
 * @param work what it returns is the exit code, 0 where it returns nothing
 * @param name goes before the line of a failure
 */
export async function runCommand(name: string, work: () => Promise<number | void>): Promise<void> {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/**
 * Returns once the caller has agreed, by `--yes` or at the terminal.
 * @param what the command is about to do, as a whole sentence
 * @param where on which database or folder; asked only at a terminal
 * @throws UsageError without agreement
 */
export async function confirm(agreed: boolean, what: string, where: () => string = () => ''): Promise<void> {
  if (agreed) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError(`${what} Nothing was done: it needs --yes, or an answer at a terminal.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D close it without an answer.
  const closed = once(terminal, 'close').then(() => '');
  const answer = await Promise.race([terminal.question(`${what} ${where()}\nType "yes" to go on: `), closed]);
  terminal.close();
  if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('Nothing was done.');
}
