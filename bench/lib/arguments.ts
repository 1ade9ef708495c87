import { spawnSync } from 'node:child_process';
import { type Command, type Option, readArguments, UsageError, type Values } from '../../scripts/lib/arguments.js';

/** Reads the arguments of a benchmark before it builds the service, so that `--help` builds nothing. */
export function prepareBench<O extends Record<string, Option<unknown>>>(command: Command<O>): Values<O> {
  try {
    const values = readArguments(command);
    const build = ['node_modules/@nestjs/cli/bin/nest.js', 'build'];
    if (spawnSync(process.execPath, build, { stdio: ['ignore', 2, 'inherit'] }).status !== 0) process.exit(1);
    return values;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
