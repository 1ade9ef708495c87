import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotificationListener } from '../database/notification-listener.js';
import { hasNote, writeNote } from '../redis/ephemeral-notes.js';

const CHANNEL = 'user_cache';
/** A notification of PostgreSQL holds 8000 bytes. */
const MAX_IDS_ENTRIES = 200;
/** How long a notification takes to reach the other instances, and how long a response waits for it at most. */
const DELIVERY_MS = 15;
const MAX_WAIT_MS = 100;
/** Kept for longer than the TTL of any entry. */
const FAILURE_NOTE = 'cache:invalidation_failed';
const FAILURE_NOTE_SECONDS = 10_800;

type Query = (sql: string, values: unknown[]) => Promise<unknown[]>;

/** Persists that invalidation failed, so the next process starts with an untrusted cache. */
export function persistFailedInvalidation(query: Query): Promise<void> {
  return writeNote(query, FAILURE_NOTE, FAILURE_NOTE_SECONDS);
}

/**
 * Sends failed invalidations to the other instances through PostgreSQL, since they may still reach Redis. A lost
 * notification is made up for by the relay, and by this instance once it reaches Redis again.
 */
@Injectable()
export class CacheInvalidationBroadcaster {
  private readonly queue = new Set<string>();
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    private readonly listener: NotificationListener,
  ) {}

  onInvalidation(listener: (userIds: string[]) => void): void {
    this.listener.on(CHANNEL, (payload) => listener(payload.split(',')));
  }

  async broadcast(userIds: string[]): Promise<void> {
    for (const id of userIds) this.queue.add(id);
    this.sending = this.sending.then(() => this.send());
    await Promise.race([this.sending.then(() => sleep(DELIVERY_MS)), sleep(MAX_WAIT_MS, undefined, { ref: false })]);
  }

  /** True also where PostgreSQL does not answer. */
  hasFailedInvalidation(): Promise<boolean> {
    return hasNote((sql, values) => this.database.query(sql, values), FAILURE_NOTE).catch(() => true);
  }

  private async send(): Promise<void> {
    while (this.queue.size > 0) {
      const ids = [...this.queue].slice(0, MAX_IDS_ENTRIES);
      for (const id of ids) this.queue.delete(id);
      await this.database.query('SELECT pg_notify($1, $2)', [CHANNEL, ids.join(',')]).catch(() => undefined);
    }
  }
}
