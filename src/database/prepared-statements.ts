import { Injectable } from '@nestjs/common';
import type { PoolClient, Pool } from 'pg';
import { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { Settings } from '../config/settings.js';
import { beforeCommit } from './transaction.js';

/** `name` must be unique in the service; composed texts have none. */
export interface Statement {
  name?: string;
  text: string;
}

type Call = [statement: Statement, values: unknown[]];

/** Texts without a name that are prepared; each takes some kilobytes in every connection. */
const MAX_BUILT_ENTRIES = 100;

/**
 * Runs the statements of hot paths as prepared statements: PostgreSQL parses and plans each once per connection, which halves
 * the CPU time of a look-up. Everything else uses TypeORM's repositories.
 */
@Injectable()
export class PreparedStatements {
  private readonly prepared: boolean;
  private readonly built = new Map<string, Statement>();
  private readonly queues = new WeakMap<QueryRunner, Call[]>();

  constructor(
    private readonly database: DataSource,
    settings: Settings,
  ) {
    this.prepared = settings.database.preparedStatements;
  }

  /**
   * @param tx null for a connection of the pool without a transaction
   * @returns the rows, with the column names of the statement
   */
  async run<T>(tx: EntityManager | null, statement: Statement, values: unknown[]): Promise<T[]> {
    const { name, text } = statement.name === undefined ? this.named(statement.text) : statement;
    // TypeORM 1.1.1 does not export PostgresDriver, whose `master` is the pool; a query runner costs a third of a look-up.
    const client = tx
      ? ((await tx.queryRunner!.connect()) as PoolClient)
      : (this.database.driver as unknown as { master: Pool }).master;
    const { rows } = await client.query(this.prepared ? { name, text, values } : { text, values });
    return rows as T[];
  }

  /**
   * Queues an INSERT that nothing in the transaction reads: it shares a round trip with the next `runWithQueue`, else with the
   * rest of the queue before the commit. The parts of one round trip act in no certain order, so a statement is never in it twice.
   */
  async queue(tx: EntityManager, statement: Statement, values: unknown[]): Promise<void> {
    if (!this.queues.has(tx.queryRunner!)) {
      this.queues.set(tx.queryRunner!, []);
      beforeCommit(tx, () => this.flush(tx));
    }
    const isQueued = this.queues.get(tx.queryRunner!)!.some(([queued]) => queued === statement);
    if (isQueued) await this.flush(tx);
    this.queues.get(tx.queryRunner!)!.push([statement, values]);
  }

  /** Runs a write, and with it what is queued. */
  runWithQueue(tx: EntityManager, statement: Statement, values: unknown[]): Promise<void> {
    return this.runAll(tx, [...this.takeQueue(tx), [statement, values]]);
  }

  /** Runs what is queued, for a statement that reads it. */
  flush(tx: EntityManager): Promise<void> {
    return this.runAll(tx, this.takeQueue(tx));
  }

  private takeQueue(tx: EntityManager): Call[] {
    return this.queues.get(tx.queryRunner!)?.splice(0) ?? [];
  }

  private async runAll(tx: EntityManager, calls: Call[]): Promise<void> {
    const values = calls.flatMap(([, own]) => own);
    if (calls.length > 0) await this.run(tx, calls.length === 1 ? calls[0]![0] : { text: compose(calls) }, values);
  }

  private named(text: string): Statement {
    const known = this.built.get(text);
    if (known) return known;
    if (this.built.size >= MAX_BUILT_ENTRIES) return { text };
    const statement = { name: `built_${this.built.size}`, text };
    this.built.set(text, statement);
    return statement;
  }
}

/** One statement of several: all but the last become data-modifying CTEs, with their parameters renumbered. */
function compose(calls: Call[]): string {
  let offset = 0;
  const parts = calls.map(([{ text }, values]) => {
    const first = offset;
    offset += values.length;
    return text.replaceAll(/\$(\d+)/g, (_, place: string) => `$${Number(place) + first}`);
  });
  const last = parts.pop()!;
  return `WITH ${parts.map((text, n) => `part_${n} AS (${text})`).join(', ')} ${last}`;
}
