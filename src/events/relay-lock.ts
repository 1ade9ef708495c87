import type { Socket } from 'node:net';
import { Client } from 'pg';

/** Advisory lock keys, beside that of the migrations. */
const RELAY = 7_205_761;
const REPLAY = 7_205_762;

/** Times in milliseconds. A session that says nothing for longer than SILENCE is ended by PostgreSQL itself, and its lock with it. */
const HEARTBEAT = 400;
const SILENCE = 1500;
/** How long after a query that was answered its sender may rely on still holding the lock. */
export const LEASE = 1000;
/** How long PostgreSQL may take to connect, and to answer a query. */
const PATIENCE = 3000;

const SESSION = `
  SET synchronous_commit = off; SET idle_session_timeout = ${SILENCE}; SET statement_timeout = ${PATIENCE - 500}; SET lock_timeout = ${PATIENCE - 500}`;

/**
 * The advisory lock that makes one instance the relay, on a connection of its own. What the relay reads and writes goes over
 * this very connection: a relay that lost the lock cannot mark anything any more. PostgreSQL ends the session of a holder
 * that is frozen or cut off, so that the next can take over.
 */
export class RelayLock {
  private readonly client: Client;
  private readonly timer: NodeJS.Timeout;
  private queue: Promise<unknown> = Promise.resolve();
  private confirmed = -Infinity;
  private closed = false;
  private held = false;

  private constructor(url: string, onLost: () => void) {
    this.client = new Client({
      connectionString: url,
      application_name: 'meetinity-user-service relay',
      connectionTimeoutMillis: PATIENCE,
      keepAlive: true,
    });
    const lost = () => {
      if (this.closed) return;
      this.closed = true;
      clearInterval(this.timer);
      onLost();
    };
    this.client.on('error', lost);
    this.client.on('end', lost);
    this.timer = setInterval(() => {
      if (performance.now() - this.confirmed > HEARTBEAT / 2) void this.query('SELECT 1').catch(() => undefined);
    }, HEARTBEAT);
    this.timer.unref();
  }

  /**
   * @param url a direct one: a pooler in transaction mode would leave the lock on a connection that anybody uses
   * @param onLost called once when the connection breaks before `close`
   */
  static async open(url: string, onLost: () => void): Promise<RelayLock> {
    const lock = new RelayLock(url, onLost);
    try {
      await lock.client.connect();
      await lock.query(SESSION);
      // Linux only; the silence limit covers what this would find a little earlier.
      await lock.query(`SET tcp_user_timeout = ${SILENCE}`).catch(() => undefined);
      const [row] = await lock.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      if (row!.pid !== (lock.client as Client & { processID: number }).processID)
        throw new Error('a pooler stands before PostgreSQL: DATABASE_DIRECT_URL must go past it');
      return lock;
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  get alive(): boolean {
    return !this.closed;
  }

  /** True while nobody else can hold the lock, as far as this process can know without asking. */
  get fresh(): boolean {
    return this.held && !this.closed && performance.now() - this.confirmed < LEASE;
  }

  async tryAcquire(): Promise<boolean> {
    const [row] = await this.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${RELAY}) AS locked`);
    this.held = row!.locked;
    return this.held;
  }

  /** Keeps replays out while events are on their way; false where one is rewriting the history just now. */
  async enterRound(): Promise<boolean> {
    const [row] = await this.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock_shared(${REPLAY}) AS locked`);
    return row!.locked;
  }

  async leaveRound(): Promise<void> {
    await this.query(`SELECT pg_advisory_unlock_shared(${REPLAY})`);
  }

  /**
   * One after the other, in the order of the calls.
   * @throws Error of the server, or where it does not answer, in which case the connection is given up
   */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    const result = this.queue.then(() => this.ask<Row>(text, values));
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** Ends the session, which releases the lock. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    const timer = setTimeout(() => this.socket.destroy(), LEASE);
    await this.client.end().catch(() => undefined);
    clearTimeout(timer);
  }

  private async ask<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    const sent = performance.now();
    const timer = setTimeout(() => this.socket.destroy(new Error('PostgreSQL does not answer')), PATIENCE);
    try {
      const { rows } = await this.client.query<Row>(text, values);
      this.confirmed = Math.max(this.confirmed, sent);
      return rows;
    } finally {
      clearTimeout(timer);
    }
  }

  private get socket(): Socket {
    return (this.client as unknown as { connection: { stream: Socket } }).connection.stream;
  }
}

/** SQL that lets a replay rewrite the history while no event is on its way; for `pg_advisory_xact_lock`. */
export const LOCK_OUT_RELAY = `SELECT pg_advisory_xact_lock(${REPLAY})`;
