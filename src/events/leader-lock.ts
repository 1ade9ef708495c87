import type { Socket } from 'node:net';
import type { Client } from 'pg';
import { sqlState } from '../common/database-errors.js';
import { directClient } from '../database/connection-options.js';
import { READ_ONLY } from '../database/read-only-recovery.js';
import type { Settings } from '../config/settings.js';

/** Advisory lock keys, beside that of the migrations. */
const RELAY_LOCK_KEY = 7_205_761;
const REPLAY_LOCK_KEY = 7_205_762;

/** Times in milliseconds. A session that says nothing for longer than SILENCE is ended by PostgreSQL itself, and its lock with it. */
const HEARTBEAT_MS = 400;
const MAX_SILENCE_MS = 1500;
/** How long after a query that was answered its sender may rely on still holding the lock. */
export const LEASE_MS = 1000;
/** How long PostgreSQL may take to connect, and to answer a query. */
const TIMEOUT_MS = 3000;

const SESSION = `
  SET synchronous_commit = off; SET idle_session_timeout = ${MAX_SILENCE_MS}; SET statement_timeout = ${TIMEOUT_MS - 500}; SET lock_timeout = ${TIMEOUT_MS - 500}`;

/**
 * The advisory lock that makes one instance the relay, on a connection of its own. What the relay reads and writes goes over
 * this very connection: a relay that lost the lock cannot mark anything any more. PostgreSQL ends the session of a holder
 * that is frozen or cut off, so that the next can take over.
 */
export class LeaderLock {
  private readonly client: Client;
  private readonly timer: NodeJS.Timeout;
  private queue: Promise<unknown> = Promise.resolve();
  private confirmed = -Infinity;
  private closed = false;
  private held = false;

  private constructor(
    settings: Settings,
    private readonly onLost: () => void,
  ) {
    this.client = directClient(settings, {
      application_name: 'meetinity-user-service relay',
      connectionTimeoutMillis: TIMEOUT_MS,
    });
    this.client.on('error', () => this.lose());
    this.client.on('end', () => this.lose());
    this.timer = setInterval(() => {
      if (performance.now() - this.confirmed > HEARTBEAT_MS / 2) void this.query('SELECT 1').catch(() => undefined);
    }, HEARTBEAT_MS);
    this.timer.unref();
  }

  /**
   * On the direct address: a pooler in transaction mode would leave the lock on a connection that anybody uses.
   * @param onLost called once when the connection breaks before `close`
   */
  static async connect(settings: Settings, onLost: () => void): Promise<LeaderLock> {
    const lock = new LeaderLock(settings, onLost);
    try {
      await lock.client.connect();
      await lock.query(SESSION);
      // Linux only; the silence limit covers what this would find a little earlier.
      await lock.query(`SET tcp_user_timeout = ${MAX_SILENCE_MS}`).catch(() => undefined);
      const [row] = await lock.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      if (row!.pid !== (lock.client as Client & { processID: number }).processID)
        throw new Error('a pooler stands before PostgreSQL: DATABASE_DIRECT_URL must go past it');
      return lock;
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  get isConnected(): boolean {
    return !this.closed;
  }

  /** True while nobody else can hold the lock, as far as this process can know without asking. */
  get isLeaseValid(): boolean {
    return this.held && !this.closed && performance.now() - this.confirmed < LEASE_MS;
  }

  /** @throws Error where the server takes no writes: it may no longer be the primary, and its lock is not the primary's */
  async tryAcquire(): Promise<boolean> {
    const [row] = await this.query<{ locked: boolean; read_only: string }>(
      `SELECT pg_try_advisory_lock(${RELAY_LOCK_KEY}) AS locked, current_setting('transaction_read_only') AS read_only`,
    );
    if (row!.read_only === 'on') throw Object.assign(new Error('PostgreSQL is read-only'), { code: READ_ONLY });
    this.held = row!.locked;
    return this.held;
  }

  /** Keeps replays out while events are on their way; false where one is rewriting the history just now. */
  async enterCycle(): Promise<boolean> {
    const [row] = await this.query<{ locked: boolean }>(
      `SELECT pg_try_advisory_lock_shared(${REPLAY_LOCK_KEY}) AS locked`,
    );
    return row!.locked;
  }

  async leaveCycle(): Promise<void> {
    await this.query(`SELECT pg_advisory_unlock_shared(${REPLAY_LOCK_KEY})`);
  }

  /**
   * One after the other, in the order of the calls.
   * @throws Error of the server, or where it does not answer, in which case the connection is given up
   */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    const result = this.queue.then(() => this.send<Row>(text, values));
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** Ends the session, which releases the lock. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    const timer = setTimeout(() => this.socket.destroy(), LEASE_MS);
    await this.client.end().catch(() => undefined);
    clearTimeout(timer);
  }

  private async send<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    const sent = performance.now();
    const timer = setTimeout(() => this.socket.destroy(new Error('PostgreSQL does not answer')), TIMEOUT_MS);
    try {
      const { rows } = await this.client.query<Row>(text, values);
      this.confirmed = Math.max(this.confirmed, sent);
      return rows;
    } catch (error) {
      // Another connection may lead to the primary; this one would hold the lock and mark nothing.
      if (sqlState(error) === READ_ONLY) this.giveUp();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private giveUp(): void {
    this.lose();
    this.socket.destroy();
  }

  private lose(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.onLost();
  }

  private get socket(): Socket {
    return (this.client as unknown as { connection: { stream: Socket } }).connection.stream;
  }
}

/** SQL that lets a replay rewrite the history while no event is on its way; for `pg_advisory_xact_lock`. */
export const LOCK_OUT_RELAY = `SELECT pg_advisory_xact_lock(${REPLAY_LOCK_KEY})`;
