// PostgreSQL, Redis and Kafka for work by hand, until Ctrl-C. The lines on stdout can be pasted into a shell.
import { onParentExit } from '../src/dev/parent-process.js';
import { readArguments } from './lib/arguments.js';
import { runCommand } from './lib/command.js';

async function serve(): Promise<void> {
  // Listens from the start on: Ctrl-C during the start also stops what is up, and npm may pass it on twice.
  const asked = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, resolve);
    onParentExit(() => resolve('npm is gone'));
  });
  const { environment, stop } = await (await import('./services/by-hand.js')).startByHand();
  for (const [name, value] of Object.entries(environment)) console.log(`export ${name}='${value}'`);
  console.error('Ctrl-C stops them.');
  await asked;
  await stop();
}

await runCommand('services', () => {
  readArguments({
    call: 'npm run services --',
    does: 'starts PostgreSQL, Redis and Kafka until Ctrl-C, and prints the variables that name them',
    options: {},
  });
  return serve();
});
process.exit();
