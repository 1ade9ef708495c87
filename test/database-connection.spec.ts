import { once } from 'node:events';
import { AddressInfo, createServer, Server, Socket } from 'node:net';
import { boundedPool } from '../src/config/database.js';
import { readSettings } from '../src/config/settings.js';
import { testValues } from './support/app.js';

/** A message of PostgreSQL's protocol, version 3. */
function message(type: string, ...fields: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(fields.map((field) => (typeof field === 'string' ? Buffer.from(`${field}\0`) : field)));
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const authenticated = message('R', Buffer.alloc(4));
const ready = message('Z', Buffer.from('I'));
const farewell = message(
  'E',
  'SFATAL',
  'C57P01',
  'Mterminating connection due to administrator command',
  Buffer.alloc(1),
);

describe('a connection that PostgreSQL ends in the moment it is made', () => {
  let server: Server;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      // In one piece, as it arrives after a pause of the network: no listener can be added in between.
      socket.once('data', () => socket.write(Buffer.concat([authenticated, ready, farewell])));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('fails the request that got it, not the process', async () => {
    const url = `postgres://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none`;
    const pool = boundedPool(readSettings(testValues({ DATABASE_URL: url })), 1);
    pool.on('error', () => undefined);
    const client = await pool.connect();
    await expect(client.query('SELECT 1')).rejects.toThrow('not queryable');
    client.release();
    await pool.end();
  });
});
