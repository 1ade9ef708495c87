import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { compiled } from './environment.js';

/** The service as a process of its own, on a free port unless APP_PORT names one, with a log that says what it does. */
export function startService(values: Record<string, string | undefined>, stdio: StdioOptions): ChildProcess {
  return spawn(process.execPath, [compiled('src/main.js')], {
    env: { PATH: process.env.PATH, APP_PORT: '0', ...values, LOG_LEVEL: 'info' },
    stdio,
  });
}
