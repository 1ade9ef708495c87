import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A TCP port that nobody listens on at this moment; the system picks one where none is wanted.
 * @throws Error where the wanted one is taken
 */
export async function freePort(host = '127.0.0.1', wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
