import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { afterCommit } from '../common/after-commit.js';
import type { Logger } from '../common/logger.js';
import { LOGGER } from '../common/logger.module.js';
import { Rounds } from '../common/rounds.js';
import type { Side } from './audit-redaction.entity.js';
import { ALONG_THE_INDEX, Position } from './audit-walk.js';

/** Entries a statement blanks: few enough for the shortest limit that statements may be given. */
const BATCH = 250;
/** Milliseconds between two looks for what a process that died has left. */
const INTERVAL = 60_000;
/** Milliseconds that the answer to an erasure waits for a long audit; the rest is blanked after it. */
const PATIENCE = 3000;

const NEWEST: Position = { at: 'infinity', id: '9223372036854775807' };

/**
 * What could identify the person. What they did to others as an administrator keeps its reason and its values: those are
 * about the others.
 */
const BLANKED: Record<Side, string[]> = {
  target: ['reason', 'ip_address', 'request_id', 'before', 'after'],
  actor: ['ip_address', 'request_id'],
};

/**
 * Takes back what the audit says of a person, whose ids remain (GDPR article 17). The first entries go in the transaction
 * that deletes the account, which for nearly everybody is all; of a long audit the rest follows in steps that are committed
 * one by one, by whichever instance comes to it.
 */
@Injectable()
export class AuditRedactions implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly rounds: Rounds;

  constructor(
    private readonly database: DataSource,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.rounds = new Rounds(INTERVAL, logger, 'blanking an audit failed', () => this.steps());
  }

  onApplicationBootstrap(): void {
    this.rounds.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.end();
  }

  /** @param answerBy when the caller is to have its answer at the latest, as `performance.now()` counts */
  async redact(tx: EntityManager, userId: string, answerBy: number): Promise<void> {
    let left = false;
    for (const side of ['target', 'actor'] as const) {
      const reached = await this.blank(tx, userId, side, NEWEST);
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
    return this.rounds.run();
  }

  private async finishSoon(answerBy: number): Promise<void> {
    const patience = Math.max(0, Math.min(PATIENCE, answerBy - performance.now()));
    await Promise.race([this.finish(), sleep(patience, undefined, { ref: false })]);
  }

  private async steps(): Promise<void> {
    while (!this.rounds.ended && (await this.database.transaction((tx) => this.step(tx))));
  }

  /** @returns false where there was nothing to do */
  private async step(tx: EntityManager): Promise<boolean> {
    // The lock decides who works; it goes with the transaction, so nothing is left behind by a process that dies.
    const [next]: [(Position & { user_id: string; side: Side })?] = await tx.query(
      'SELECT user_id, side, at::text, id FROM audit_redactions LIMIT 1 FOR UPDATE SKIP LOCKED',
    );
    if (!next) return false;
    const { user_id: userId, side } = next;
    const reached = await this.blank(tx, userId, side, next);
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
  private async blank(
    tx: EntityManager,
    userId: string,
    side: Side,
    { at, id }: Position,
  ): Promise<Position | undefined> {
    // The trigger lets this through for the transaction that says so, and only this: blanking.
    await tx.query(`SET LOCAL meetinity.redact_audit = 'on'; ${ALONG_THE_INDEX}`);
    const columns = BLANKED[side];
    const [reached] = await tx.query<Position[]>(
      `WITH batch AS MATERIALIZED (
         SELECT at, id FROM audit_logs WHERE ${side}_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT ${BATCH}
       ), blanked AS (
         UPDATE audit_logs SET ${columns.map((column) => `${column} = NULL`).join(', ')}
          WHERE id = ANY (ARRAY(SELECT id FROM batch)) AND num_nonnulls(${columns.join(', ')}) > 0
       )
       SELECT at::text, id FROM batch ORDER BY at DESC, id DESC OFFSET ${BATCH - 1}`,
      [userId, at, id],
    );
    await tx.query(`SET LOCAL meetinity.redact_audit = 'off'`);
    return reached;
  }
}
