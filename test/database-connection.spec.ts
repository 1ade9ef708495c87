import { once } from 'node:events';
import { AddressInfo, createServer, Server, Socket } from 'node:net';
import type { EntityManager } from 'typeorm';
import { runInTransaction } from '../src/database/transaction.js';
import { databaseError } from '../src/common/database-errors.js';
import { createPool } from '../src/database/connection-options.js';
import { readSettings } from '../src/config/settings.js';
import { PreparedStatements } from '../src/database/prepared-statements.js';
import { User } from '../src/users/user.entity.js';
import { TestApp, testValues } from './support/app.js';

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

describe('a connection that PostgreSQL closes as it is opened', () => {
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

  it('fails its request, not the process', async () => {
    const url = `postgres://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none?sslmode=disable`;
    const pool = createPool(readSettings(testValues({ DATABASE_URL: url })), 1);
    pool.on('error', () => undefined);
    const client = await pool.connect();
    await expect(client.query('SELECT 1')).rejects.toThrow('not queryable');
    client.release();
    await pool.end();
  });
});

describe('a connection that PostgreSQL closes between two statements of a transaction', () => {
  let service: TestApp;
  beforeAll(async () => {
    service = await TestApp.start();
  });
  afterAll(() => service.stopAndDrop());

  /** What the statement after the end fails with. */
  async function afterTheEnd(statement: (tx: EntityManager) => Promise<unknown>): Promise<unknown> {
    const { database } = service;
    const work = runInTransaction(database, async (tx) => {
      const [{ pid }] = await tx.query<[{ pid: number }]>('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1)', [pid]);
      while (!tx.queryRunner!.isReleased) await new Promise((resolve) => setTimeout(resolve, 5));
      await statement(tx);
    });
    return work.then(
      () => 'it succeeded',
      (error: unknown) => error,
    );
  }

  it.each<[string, (tx: EntityManager) => Promise<unknown>]>([
    ['SQL', (tx) => tx.query('SELECT 1')],
    ['a repository', (tx) => tx.findOne(User, { where: { email: 'nobody@example.com' } })],
    ['a nested transaction', (tx) => tx.transaction((inner) => inner.query('SELECT 1'))],
    ['a named statement', (tx) => service.app.get(PreparedStatements).run(tx, { name: 'one', text: 'SELECT 1' }, [])],
  ])('gives 503 for %s', async (_, statement) => {
    const error = await afterTheEnd(statement);
    expect(error).toBeInstanceOf(Error);
    expect(databaseError(error)).toMatchObject({ type: 'database_unavailable' });
  });
});
