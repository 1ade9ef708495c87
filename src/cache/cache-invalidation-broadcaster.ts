import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { hasFailedInvalidation } from './pending-invalidation.js';
import { UserCaches } from './user-caches.js';
import { NotificationListener } from '../database/notification-listener.js';

const CHANNEL = 'user_cache';
/** Ids in one notification; PostgreSQL takes 8000 bytes. */
const MAX_IDS_ENTRIES = 200;
/** Milliseconds in which a notification reaches the others, and for which an answer is held back at most until it is sent. */
const DELIVERY_MS = 15;
const MAX_WAIT_MS = 100;

/**
 * Where a change cannot be told to the cache, the other instances are told by way of PostgreSQL: their way to Redis may be
 * open, and an old value would be served there. It is a second net; a notification that is lost is made up for by the
 * relay, and by this instance once it reaches Redis again.
 */
@Injectable()
export class CacheInvalidationBroadcaster implements OnModuleInit {
  private waiting = new Set<string>();
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    listener: NotificationListener,
    private readonly caches: UserCaches,
  ) {
    caches.onInvalidationFailed((ids) => this.broadcast(ids));
    listener.on(CHANNEL, (payload) => void caches.invalidate(payload.split(',')));
  }

  async onModuleInit(): Promise<void> {
    // Where the database does not say so, nobody knows.
    const doubted = await hasFailedInvalidation((sql, values) => this.database.query(sql, values)).catch(() => true);
    if (doubted) this.caches.invalidateAll();
  }

  private async broadcast(userIds: string[]): Promise<void> {
    for (const id of userIds) this.waiting.add(id);
    // What others have added meanwhile goes along; their own turn then finds nothing left to send.
    this.sending = this.sending.then(() => this.send());
    await Promise.race([this.sending.then(() => sleep(DELIVERY_MS)), sleep(MAX_WAIT_MS, undefined, { ref: false })]);
  }

  private async send(): Promise<void> {
    while (this.waiting.size > 0) {
      const ids = [...this.waiting].slice(0, MAX_IDS_ENTRIES);
      for (const id of ids) this.waiting.delete(id);
      await this.database.query('SELECT pg_notify($1, $2)', [CHANNEL, ids.join(',')]).catch(() => undefined);
    }
  }
}
