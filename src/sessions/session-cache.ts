import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import { CircuitBreaker, RedisUnavailable } from '../redis/circuit-breaker.js';
import { EntrySigner } from '../redis/entry-signer.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { cacheReads } from '../common/logging/metrics.js';
import type { Principal } from '../common/http/request-context.js';
import { NotificationListener } from '../database/notification-listener.js';

export type Role = Principal['role'];

/** A live session as PostgreSQL knew it. Times in milliseconds of PostgreSQL's clock. */
export interface LiveSession {
  sessionId: string;
  userId: string;
  role: Role;
  asOf: number;
  expires: number;
}

/** Stands in Redis in place of a session that has ended; it never comes back to life. */
const REVOKED = 'revoked';

/** Seconds for which an entry may answer. */
const TTL_SECONDS = 60;
/** Seconds for which an id stays suspect at least: longer than any entry that was made before the notification may answer. */
const RECENTLY_REVOKED_SECONDS = 90;
/** Suspect ids kept one by one; past that everything older than this moment is suspect. */
const MAX_REVOKED_ENTRIES = 50_000;
/** Milliseconds in which a notification reaches the other instances; measured 0.1, and 17 on a host with five times its load. */
const NOTIFICATION_MS = 25;

const key = (sessionId: string) => `session:${sessionId}`;

/**
 * Live sessions in Redis, so that the check on every request seldom costs a query. PostgreSQL stays the truth, whatever
 * Redis holds: an entry says as of when it is true, and it only answers where this process would have heard of any
 * revocation since then. Redis may be cut, flushed, set back to an older
 * state or written to by others without reviving a session.
 */
@Injectable()
export class SessionCache implements OnApplicationShutdown {
  private recentlyRevoked = new Set<string>();
  private earlierRevoked = new Set<string>();
  private trustedFrom = 0;
  private readonly turn = setInterval(() => this.forget(), RECENTLY_REVOKED_SECONDS * 1000).unref();

  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly signer: EntrySigner,
    private readonly listener: NotificationListener,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    listener.on('session_revoked', (id) => this.addRevoked(id));
  }

  onApplicationShutdown(): void {
    clearInterval(this.turn);
  }

  /** @returns the role where the session is live, `revoked` where it has ended, null where PostgreSQL has to say */
  async find(sessionId: string, userId: string): Promise<Role | 'revoked' | null> {
    if (!this.usable(sessionId, userId)) return null;
    const value = await this.breaker.read(key(sessionId)).catch(() => null);
    const answer = value === null ? null : this.validateEntry(value, sessionId, userId);
    cacheReads.add('session', answer === null ? 'miss' : 'hit');
    return answer;
  }

  /** Remembers what PostgreSQL said. Never rejects. */
  async remember({ sessionId, userId, role, asOf, expires }: LiveSession): Promise<void> {
    if (!this.usable(sessionId, userId)) return;
    const entry = this.signer.sign(
      key(sessionId),
      `${userId} ${role} ${asOf}`,
      Math.min(expires, asOf + TTL_SECONDS * 1000),
    );
    // NX: the row may have been read before a revocation whose mark stands here by now.
    await this.breaker
      .run((redis) => redis.set(key(sessionId), entry, 'EX', TTL_SECONDS, 'NX'))
      .catch((error: unknown) => this.report(error));
  }

  /** Called once the end of these sessions is committed; afterwards no instance takes them for live. Never rejects. */
  async revoked(sessionIds: readonly string[]): Promise<void> {
    for (const id of sessionIds) this.addRevoked(id);
    if (!this.breaker.redis) return;
    const start = performance.now();
    try {
      await this.breaker.run((redis) =>
        Promise.all(
          sessionIds.map((id) => redis.set(key(id), this.revocation(id), 'EX', TTL_SECONDS + RECENTLY_REVOKED_SECONDS)),
        ),
      );
    } catch (error) {
      this.report(error);
      // Other instances may still reach Redis and find the old entry there until the notification is with them.
      await sleep(Math.max(0, NOTIFICATION_MS - (performance.now() - start)));
    }
  }

  private usable(sessionId: string, userId: string): boolean {
    return this.breaker.available && this.listener.connected && !this.isRecentlyRevoked(sessionId, userId);
  }

  private revocation(sessionId: string): string {
    return this.signer.sign(key(sessionId), REVOKED, Number.MAX_SAFE_INTEGER);
  }

  private validateEntry(entry: string, sessionId: string, userId: string): Role | 'revoked' | null {
    // The age is not left to Redis: a write delayed by a frozen network starts its time to live late.
    const value = this.signer.open(key(sessionId), entry, this.listener.now());
    if (value === null || value === REVOKED) return value;
    const [owner, role, asOf] = value.split(' ');
    const { since } = this.listener;
    // Asked again after the wait for Redis: the connection may have broken, or the revocation arrived, meanwhile.
    if (since === null || this.isRecentlyRevoked(sessionId, userId)) return null;
    if (Number(asOf) < Math.max(since, this.trustedFrom)) return null;
    return owner === userId ? (role as Role) : null;
  }

  private addRevoked(id: string): void {
    this.recentlyRevoked.add(id);
    if (this.recentlyRevoked.size <= MAX_REVOKED_ENTRIES) return;
    this.trustedFrom = this.listener.now();
    this.recentlyRevoked.clear();
    this.earlierRevoked.clear();
  }

  private isRecentlyRevoked(sessionId: string, userId: string): boolean {
    const { recentlyRevoked, earlierRevoked: earlier } = this;
    return (
      recentlyRevoked.has(sessionId) || recentlyRevoked.has(userId) || earlier.has(sessionId) || earlier.has(userId)
    );
  }

  private forget(): void {
    this.earlierRevoked = this.recentlyRevoked;
    this.recentlyRevoked = new Set();
  }

  private report(error: unknown): void {
    if (!(error instanceof RedisUnavailable)) this.logger.error({ err: error }, 'Redis refused a session entry');
  }
}
