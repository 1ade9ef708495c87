import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { PreparedStatements } from '../database/prepared-statements.js';
import { afterCommit } from '../database/transaction.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';
import type { Side } from './audit-redaction.entity.js';
import type { Position } from './keyset-position.js';

/** Entries that one statement redacts within the shortest `statement_timeout` that can be configured. */
const BATCH_ROWS = 250;
/** Between two checks for redactions that a crashed process left unfinished. */
const INTERVAL_MS = 60_000;
/** How long the response to an erasure waits for a long audit; the rest is redacted after it. */
const MAX_WAIT_MS = 3000;

const NEWEST: Position = { at: 'infinity', id: '9223372036854775807' };

/**
 * Redacts the audit log of a deleted user (GDPR article 17); ids remain. The first batch is part of the transaction that
 * deletes the account, which suffices for nearly every user. Any instance redacts the rest, one transaction for each batch.
 */
@Injectable()
export class AuditRedactions implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly task: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    private readonly statements: PreparedStatements,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.task = new PeriodicTask(INTERVAL_MS, logger, 'redacting an audit failed', () => this.redactAll());
  }

  onApplicationBootstrap(): void {
    this.task.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /**
   * Call it after the deletion of the account: the database refuses to redact users who exist.
   * @param deadline when the response must be sent, as `performance.now()` counts
   */
  async redact(tx: EntityManager, userId: string, deadline: number): Promise<void> {
    // The database function requires the entry `user.deleted`.
    await this.statements.flush(tx);
    // Without the salt, commitments in the Merkle tree say nothing about the person any more.
    await tx.query('DELETE FROM audit_salts WHERE person_id = $1', [userId]);
    let unfinished = false;
    for (const side of ['target', 'actor'] as const) {
      const reached = await this.redactBatch(tx, userId, side, NEWEST);
      if (!reached) continue;
      unfinished = true;
      await tx.query('INSERT INTO audit_redactions (user_id, side, at, id) VALUES ($1, $2, $3, $4)', [
        userId,
        side,
        reached.at,
        reached.id,
      ]);
    }
    if (unfinished) afterCommit(tx, () => this.finishBefore(deadline));
  }

  /** Redacts everything that no other instance is redacting. A failure is retried by the periodic task. */
  finish(): Promise<void> {
    return this.task.runNow();
  }

  private async finishBefore(deadline: number): Promise<void> {
    const waitMs = Math.max(0, Math.min(MAX_WAIT_MS, deadline - performance.now()));
    await Promise.race([this.finish(), sleep(waitMs, undefined, { ref: false })]);
  }

  private async redactAll(): Promise<void> {
    while (!this.task.stopped && (await this.database.transaction((tx) => this.redactNext(tx))));
  }

  /** @returns false where nothing is left */
  private async redactNext(tx: EntityManager): Promise<boolean> {
    // The row lock gives the work to one instance, and ends with the transaction of a process that crashes. The order keeps one
    // that fails from being the next each time.
    const [next]: [(Position & { user_id: string; side: Side })?] = await tx.query(
      'SELECT user_id, side, at::text, id FROM audit_redactions ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED',
    );
    if (!next) return false;
    const { user_id: userId, side } = next;
    const reached = await this.redactBatch(tx, userId, side, next);
    if (reached)
      await tx.query('UPDATE audit_redactions SET at = $3, id = $4 WHERE user_id = $1 AND side = $2', [
        userId,
        side,
        reached.at,
        reached.id,
      ]);
    else await tx.query('DELETE FROM audit_redactions WHERE user_id = $1 AND side = $2', [userId, side]);
    return true;
  }

  /** @returns the oldest entry of the batch, undefined where there are no older ones */
  private async redactBatch(
    tx: EntityManager,
    userId: string,
    side: Side,
    { at, id }: Position,
  ): Promise<Position | undefined> {
    const [reached] = await tx.query<[Position | { at: null }]>(
      'SELECT reached_at::text AS at, reached_id AS id FROM audit_logs_redact($1, $2, $3, $4, $5)',
      [userId, side, at, id, BATCH_ROWS],
    );
    return reached.at === null ? undefined : reached;
  }
}
