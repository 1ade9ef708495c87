import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { compiled } from './environment.js';

/** Starts the service as a process with its log, by default on a free port. */
export function startService(values: Record<string, string | undefined>, stdio: StdioOptions): ChildProcess {
  return spawn(process.execPath, [compiled('src/main.js')], {
    env: { PATH: process.env.PATH, APP_PORT: '0', ...values, LOG_LEVEL: 'info' },
    stdio,
  });
}
