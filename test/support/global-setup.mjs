// Starts the servers of the test run and passes their addresses to the workers in the environment.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

export default async function globalSetup() {
  const script = path.join(import.meta.dirname, 'servers.ts');
  const child = spawn(process.execPath, ['--import', '@swc-node/register/esm-register', script], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    // Detached: after Ctrl-C it still has to stop the servers.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [])]);
  if (!line) throw new Error('the test servers did not start; the reason is above');
  Object.assign(process.env, JSON.parse(line));
  globalThis.testServers = child;
  for (const { name, reason } of JSON.parse(process.env.TEST_MISSING_SERVICES))
    console.warn(`\nNo ${name}: its specs are skipped. ${reason}`);
}
