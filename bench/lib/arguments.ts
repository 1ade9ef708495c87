import { spawnSync } from 'node:child_process';
import { type Command, type Option, readArguments, UsageError, type Values } from '../../scripts/lib/arguments.js';

/** The arguments of a benchmark, and the build that it measures: made after they were read, so that `--help` builds nothing. */
export function prepareBench<O extends Record<string, Option<unknown>>>(command: Command<O>): Values<O> {
  const values = readOrExit(command);
  const { status } = spawnSync(process.execPath, ['node_modules/@nestjs/cli/bin/nest.js', 'build'], {
    stdio: ['ignore', 2, 'inherit'],
  });
  if (status !== 0) process.exit(1);
  return values;
}

function readOrExit<O extends Record<string, Option<unknown>>>(command: Command<O>): Values<O> {
  try {
    return readArguments(command);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
