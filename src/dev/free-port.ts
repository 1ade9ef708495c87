import { once } from 'node:events';
import { createServer } from 'node:net';

/** A TCP port that is free right now, by default any. @throws Error if the wanted one is taken */
export async function freePort(host = '127.0.0.1', wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
