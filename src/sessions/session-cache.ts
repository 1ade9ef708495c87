import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import { CircuitBreaker, RedisUnavailable } from '../redis/circuit-breaker.js';
import { DecodedEntries } from '../redis/decoded-entries.js';
import { EntrySigner, SignedValue } from '../redis/entry-signer.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { cacheReads } from '../common/logging/metrics.js';
import type { Principal } from '../common/http/request-context.js';
import { NotificationListener } from '../database/notification-listener.js';

export type Role = Principal['role'];

/** A live session as read from PostgreSQL. Times in milliseconds of PostgreSQL's clock. */
export interface LiveSession {
  sessionId: string;
  userId: string;
  role: Role;
  asOf: number;
  expires: number;
}

/** Replaces the entry of a session that has ended. */
const REVOKED = 'revoked';

/** Lifetime of an entry. */
const TTL_SECONDS = 60;
/** At least for so long a revoked id is kept: longer than any entry written before the notification lives. */
const RECENTLY_REVOKED_SECONDS = 90;
/** Revoked ids kept; beyond, no entry older than that moment is trusted. */
const MAX_REVOKED_ENTRIES = 50_000;
/** In which a notification reaches the other instances; measured: 0.1, and 17 on a host under five times its load. */
const NOTIFICATION_MS = 25;

const key = (sessionId: string) => `session:${sessionId}`;

/**
 * Caches live sessions in Redis, so that the check on every request seldom needs a query. PostgreSQL stays authoritative: an
 * entry has the time of its read and counts only if this process has been notified of every revocation since. So Redis can be
 * unreachable, flushed, restored or forged without reviving a session.
 */
@Injectable()
export class SessionCache implements OnApplicationShutdown {
  private recentlyRevoked = new Set<string>();
  private earlierRevoked = new Set<string>();
  private trustedFrom = 0;
  private readonly decoded = new DecodedEntries<SignedValue>();
  private readonly rotationTimer = setInterval(() => this.rotateRevoked(), RECENTLY_REVOKED_SECONDS * 1000).unref();

  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly signer: EntrySigner,
    private readonly listener: NotificationListener,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    listener.on('session_revoked', (id) => this.addRevoked(id));
  }

  onApplicationShutdown(): void {
    clearInterval(this.rotationTimer);
  }

  /** @returns the role of a live session; `revoked`; null if PostgreSQL must be asked */
  async find(sessionId: string, userId: string): Promise<Role | 'revoked' | null> {
    if (!this.isUsable(sessionId, userId)) return null;
    const value = await this.breaker.get(key(sessionId)).catch(() => null);
    const found = value === null ? null : this.validateEntry(value, sessionId, userId);
    cacheReads.add('session', found === null ? 'miss' : 'hit');
    return found;
  }

  /** Caches a row read from PostgreSQL. Never rejects. */
  async store({ sessionId, userId, role, asOf, expires }: LiveSession): Promise<void> {
    if (!this.isUsable(sessionId, userId)) return;
    const entry = this.signer.sign(
      key(sessionId),
      `${userId} ${role} ${asOf}`,
      Math.min(expires, asOf + TTL_SECONDS * 1000),
    );
    // NX: the row may have been read before a revocation that is stored here now.
    await this.breaker
      .run((redis) => redis.set(key(sessionId), entry, 'EX', TTL_SECONDS, 'NX'))
      .catch((error: unknown) => this.logError(error));
  }

  /** Call it after the commit; when it resolves, no instance considers these sessions live. Never rejects. */
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
      this.logError(error);
      // Other instances may reach Redis and use the old entry until they are notified.
      await sleep(Math.max(0, NOTIFICATION_MS - (performance.now() - start)));
    }
  }

  private isUsable(sessionId: string, userId: string): boolean {
    return this.breaker.available && this.listener.connected && !this.isRecentlyRevoked(sessionId, userId);
  }

  private revocation(sessionId: string): string {
    return this.signer.sign(key(sessionId), REVOKED, Number.MAX_SAFE_INTEGER);
  }

  private validateEntry(entry: string, sessionId: string, userId: string): Role | 'revoked' | null {
    // Redis' TTL is not enough: the TTL of a delayed write starts late.
    const signed = this.decoded.get(sessionId, entry) ?? this.decode(sessionId, entry);
    if (!signed || !(signed.expiresAt > this.listener.now())) return null;
    const { value } = signed;
    if (value === REVOKED) return value;
    const [owner, role, asOf] = value.split(' ');
    const { since } = this.listener;
    // Checked again: during the read the connection may have broken or the revocation arrived.
    if (since === null || this.isRecentlyRevoked(sessionId, userId)) return null;
    if (Number(asOf) < Math.max(since, this.trustedFrom)) return null;
    return owner === userId ? (role as Role) : null;
  }

  private decode(sessionId: string, entry: string): SignedValue | null {
    const signed = this.signer.decode(key(sessionId), entry);
    return signed && this.decoded.set(sessionId, entry, signed);
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

  private rotateRevoked(): void {
    this.earlierRevoked = this.recentlyRevoked;
    this.recentlyRevoked = new Set();
  }

  private logError(error: unknown): void {
    if (!(error instanceof RedisUnavailable)) this.logger.error({ err: error }, 'Redis refused a session entry');
  }
}
