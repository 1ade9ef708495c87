import { once } from 'node:events';

export default async function globalTeardown() {
  const child = globalThis.testServers;
  if (!child || child.exitCode !== null) return;
  child.stdin.end();
  await once(child, 'exit');
}
