import type { Socket } from 'node:net';
import type { Client } from 'pg';
import { sqlState } from '../common/database-errors.js';
import { RELAY_LOCK_KEY, REPLAY_LOCK_KEY } from '../database/advisory-locks.js';
import { directClient } from '../database/connection-options.js';
import { READ_ONLY } from '../database/read-only-recovery.js';
import type { Settings } from '../config/settings.js';

/** PostgreSQL ends a session that is silent for longer, which releases the lock. */
const MAX_SILENCE_MS = 1500;
const HEARTBEAT_MS = 400;
/** How long after sending a query that was answered the holder may assume that it still holds the lock. */
export const LEASE_MS = 1000;
/** For a connection, and for each query. */
const TIMEOUT_MS = 3000;

const SESSION = `
  SET synchronous_commit = off; SET idle_session_timeout = ${MAX_SILENCE_MS}; SET statement_timeout = ${TIMEOUT_MS - 500}; SET lock_timeout = ${TIMEOUT_MS - 500}`;

/**
 * Leader election by an advisory lock on its own connection. The relay runs its statements on this connection too, so a
 * relay that lost the lock cannot write. PostgreSQL ends the session of a leader that is frozen or cut off.
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
   * Connects directly: a pooler in transaction mode would leave the lock on a connection that other clients use.
   * @param onLost called once when the connection breaks before `close`
   */
  static async connect(settings: Settings, onLost: () => void): Promise<LeaderLock> {
    const lock = new LeaderLock(settings, onLost);
    try {
      await lock.client.connect();
      await lock.query(SESSION);
      // Linux only; elsewhere the silence limit applies a little later.
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

  get isHeld(): boolean {
    return this.held && !this.closed;
  }

  /** True while no other instance can have acquired the lock: PostgreSQL keeps it longer than a lease. */
  get isLeaseValid(): boolean {
    return this.isHeld && performance.now() - this.confirmed < LEASE_MS;
  }

  /** @throws Error where the server is read-only: it may be a former primary, whose locks mean nothing */
  async tryAcquire(): Promise<boolean> {
    const [row] = await this.query<{ locked: boolean; read_only: string }>(
      `SELECT pg_try_advisory_lock(${RELAY_LOCK_KEY}) AS locked, current_setting('transaction_read_only') AS read_only`,
    );
    if (row!.read_only === 'on') throw Object.assign(new Error('PostgreSQL is read-only'), { code: READ_ONLY });
    this.held = row!.locked;
    return this.held;
  }

  /** Keeps replays out while events are in flight; false while a replay runs. */
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
   * Runs queries one at a time, in the order of the calls.
   * @throws Error of the server, or of a time-out, which closes the connection
   */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    const result = this.queue.then(() => this.send<Row>(text, values));
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** Releases the lock. */
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
      // A new connection may reach the primary.
      if (sqlState(error) === READ_ONLY) {
        this.lose();
        this.socket.destroy();
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
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

/** Waits until no event is in flight and keeps the relay out until the transaction ends. */
export const LOCK_OUT_RELAY = `SELECT pg_advisory_xact_lock(${REPLAY_LOCK_KEY})`;
