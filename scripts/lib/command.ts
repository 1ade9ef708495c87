import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { UsageError } from './arguments.js';

/**
 * Runs a command. A failure is one line on standard error and exit code 1, wrong arguments are exit code 2.
 * @param name prefix of that line
 * @param work returns the exit code, or nothing for 0
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
 * Returns once the user has agreed, by `--yes` or at the terminal.
 * @param what sentence that says what the command is about to do
 * @param where the database or folder it changes; called only at a terminal
 * @throws UsageError without agreement
 */
export async function confirm(
  agreed: boolean,
  what: string,
  where: () => Promise<string> | string = () => '',
): Promise<void> {
  if (agreed) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError(`${what} Nothing was done: it needs --yes, or an answer at a terminal.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D close it without an answer.
  const closed = once(terminal, 'close').then(() => '');
  const answer = await Promise.race([terminal.question(`${what} ${await where()}\nType "yes" to go on: `), closed]);
  terminal.close();
  if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('Nothing was done.');
}
