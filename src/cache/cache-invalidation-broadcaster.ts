import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isDoubted } from './pending-invalidation.js';
import { UserCaches } from './user-caches.js';
import { PostgresListener } from '../database/notification-listener.js';

const CHANNEL = 'user_cache';
/** Ids in one notification; PostgreSQL takes 8000 bytes. */
const MOST_IDS = 200;
/** Milliseconds in which a notification reaches the others, and for which an answer is held back at most until it is sent. */
const DELIVERY = 15;
const PATIENCE = 100;

/**
 * Where a change cannot be told to the cache, the other instances are told by way of PostgreSQL: their way to Redis may be
 * open, and an old value would be served there. It is a second net; a notification that is lost is made up for by the
 * relay, and by this instance once it reaches Redis again.
 */
@Injectable()
export class CacheNotices implements OnModuleInit {
  private waiting = new Set<string>();
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    listener: PostgresListener,
    private readonly caches: UserCaches,
  ) {
    caches.onMissed((ids) => this.tell(ids));
    listener.on(CHANNEL, (payload) => void caches.forget(payload.split(',')));
  }

  async onModuleInit(): Promise<void> {
    // Where the database does not say so, nobody knows.
    const doubted = await isDoubted((sql, values) => this.database.query(sql, values)).catch(() => true);
    if (doubted) this.caches.doubt();
  }

  private async tell(userIds: string[]): Promise<void> {
    for (const id of userIds) this.waiting.add(id);
    // What others have added meanwhile goes along; their own turn then finds nothing left to send.
    this.sending = this.sending.then(() => this.send());
    await Promise.race([this.sending.then(() => sleep(DELIVERY)), sleep(PATIENCE, undefined, { ref: false })]);
  }

  private async send(): Promise<void> {
    while (this.waiting.size > 0) {
      const ids = [...this.waiting].slice(0, MOST_IDS);
      for (const id of ids) this.waiting.delete(id);
      await this.database.query('SELECT pg_notify($1, $2)', [CHANNEL, ids.join(',')]).catch(() => undefined);
    }
  }
}
