// Runs commands one after another in one process, which loads the service once; each with its own arguments and variables.
import { pathToFileURL } from 'node:url';
import type { HostedCommand } from './scripts.js';

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

let count = 0;
let written = { stdout: '', stderr: '' };
/** Of the command that called `process.exit`: what it does afterwards does not count. */
let ended: Ended | undefined;
const end = (code: number | string | null | undefined): Ended => ({ code: Number(code ?? 0), ...written });

process.exit = (code) => {
  ended ??= end(code ?? process.exitCode);
  throw new Error('the command has ended');
};
for (const name of ['stdout', 'stderr'] as const)
  process[name].write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = rest.find((argument) => typeof argument === 'function');
    if (done) setImmediate(done as () => void);
    return true;
  };

async function run({ file, args, env, cwd }: HostedCommand): Promise<Ended> {
  written = { stdout: '', stderr: '' };
  ended = undefined;
  process.exitCode = undefined;
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.argv[0]!, file, ...args];
  try {
    // Under another address each time, or it would run only once.
    await import(`${pathToFileURL(file).href}?run=${(count += 1)}`);
  } catch (error) {
    if (!ended) throw error;
  }
  return ended ?? end(process.exitCode);
}

let last: Promise<unknown> = Promise.resolve();
process.on('message', (command: HostedCommand) => {
  last = last.then(async () => process.send!({ id: command.id, ...(await run(command)) }));
});
