// Runs the service from its sources with its own PostgreSQL, Redis and Kafka.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { onParentExit } from '../src/dev/parent-process.js';
import { readArguments } from './lib/arguments.js';
import { runCommand } from './lib/command.js';

async function serve(): Promise<number> {
  let ending = false;
  let child: ReturnType<typeof spawn> | undefined;
  function end(signal: NodeJS.Signals): void {
    // npm may pass a Ctrl-C on a second time.
    if (!ending) child?.kill(signal);
    ending = true;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(signal));
  onParentExit(() => end('SIGTERM'));

  let exitCode = 0;
  const { environment, stop } = await (await import('./services/by-hand.js')).startByHand();
  if (!ending) {
    // Stops the service when this process and its servers are gone, even after SIGKILL.
    const follow = 'data:text/javascript,process.once("disconnect",()=>process.kill(process.pid,"SIGTERM"))';
    const main = path.join(import.meta.dirname, '..', 'src', 'main.ts');
    child = spawn(process.execPath, ['--import', '@swc-node/register/esm-register', '--import', follow, main], {
      env: { ...process.env, ...environment },
      // Its own process group: Ctrl-C arrives once, through here.
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    exitCode = code ?? 1;
  }
  await stop();
  return exitCode;
}

await runCommand('dev:full', () => {
  readArguments({
    call: 'npm run dev:full --',
    does: 'runs the service from its sources, with its own PostgreSQL, Redis and Kafka, until Ctrl-C',
    options: {},
  });
  return serve();
});
process.exit();
