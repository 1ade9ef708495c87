import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';
import type { Side } from './audit-redaction.entity.js';
import type { Position } from './keyset-position.js';

/** Entries a statement blanks: few enough for the shortest limit that statements may be given. */
const BATCH_ROWS = 250;
/** Milliseconds between two looks for what a process that died has left. */
const INTERVAL_MS = 60_000;
/** Milliseconds that the answer to an erasure waits for a long audit; the rest is blanked after it. */
const MAX_WAIT_MS = 3000;

const NEWEST: Position = { at: 'infinity', id: '9223372036854775807' };

/**
 * Takes back what the audit says of a person, whose ids remain (GDPR article 17). The first entries go in the transaction
 * that deletes the account, which for nearly everybody is all; of a long audit the rest follows in steps that are committed
 * one by one, by whichever instance comes to it.
 */
@Injectable()
export class AuditRedactions implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly rounds: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.rounds = new PeriodicTask(INTERVAL_MS, logger, 'blanking an audit failed', () => this.steps());
  }

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.stop();
  }

  /**
   * Call it once the account is deleted: the audit of anybody else stays.
   * @param answerBy when the caller is to have its answer at the latest, as `performance.now()` counts
   */
  async redact(tx: EntityManager, userId: string, answerBy: number): Promise<void> {
    let left = false;
    for (const side of ['target', 'actor'] as const) {
      const reached = await this.redactBatch(tx, userId, side, NEWEST);
      if (!reached) continue;
      left = true;
      await tx.query('INSERT INTO audit_redactions (user_id, side, at, id) VALUES ($1, $2, $3, $4)', [
        userId,
        side,
        reached.at,
        reached.id,
      ]);
    }
    if (left) afterCommit(tx, () => this.finishSoon(answerBy));
  }

  /** Goes on until nothing is left that another instance is not at. What fails is tried again in the next round. */
  finish(): Promise<void> {
    return this.rounds.runNow();
  }

  private async finishSoon(answerBy: number): Promise<void> {
    const patience = Math.max(0, Math.min(MAX_WAIT_MS, answerBy - performance.now()));
    await Promise.race([this.finish(), sleep(patience, undefined, { ref: false })]);
  }

  private async steps(): Promise<void> {
    while (!this.rounds.stopped && (await this.database.transaction((tx) => this.step(tx))));
  }

  /** @returns false where there was nothing to do */
  private async step(tx: EntityManager): Promise<boolean> {
    // The lock decides who works; it goes with the transaction, so nothing is left behind by a process that dies.
    const [next]: [(Position & { user_id: string; side: Side })?] = await tx.query(
      'SELECT user_id, side, at::text, id FROM audit_redactions LIMIT 1 FOR UPDATE SKIP LOCKED',
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

  /** @returns the oldest entry of the batch, or nothing where there are no older ones */
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
