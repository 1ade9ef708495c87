// PostgreSQL, Redis and Kafka for work by hand, until Ctrl-C. The lines on stdout can be pasted into a shell.
import { onParentExit } from '../src/config/parent-process.js';
import { startByHand } from './services/by-hand.js';

// Heard from the start on: a Ctrl-C meanwhile still stops what has come up. And more than once: npm may pass it on again.
const asked = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, resolve);
  onParentExit(() => resolve('npm is gone'));
});
const { environment, stop } = await startByHand();
for (const [name, value] of Object.entries(environment)) console.log(`export ${name}='${value}'`);
console.error('Ctrl-C stops them.');
await asked;
await stop();
process.exit();
