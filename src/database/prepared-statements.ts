import { Injectable } from '@nestjs/common';
import type { PoolClient, Pool } from 'pg';
import { DataSource, EntityManager } from 'typeorm';
import { Settings } from '../config/settings.js';

/** `name` must be unique in the service; composed texts have none. */
export interface Statement {
  name?: string;
  text: string;
}

export type Call = [statement: Statement, values: unknown[]];

/** Composed texts that are prepared; each takes some kilobytes in every connection. */
const MAX_COMPOSED_ENTRIES = 100;

/**
 * Runs the statements of hot paths as prepared statements: PostgreSQL parses and plans each once per connection, which halves
 * the CPU time of a look-up. Everything else uses TypeORM's repositories.
 */
@Injectable()
export class PreparedStatements {
  private readonly prepared: boolean;
  private readonly composed = new Map<string, Statement>();

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
  run<T>(tx: EntityManager | null, statement: Statement, values: unknown[]): Promise<T[]> {
    const { name, text } = statement;
    return this.send(tx, name === undefined ? this.named(text, () => text) : statement, values);
  }

  /**
   * Runs statements in one round trip, as data-modifying CTEs: all see the same snapshot, none sees the changes of the others,
   * and their order is undefined. The transaction must already hold a lock where the order would matter.
   */
  async runTogether(tx: EntityManager, calls: Call[]): Promise<void> {
    const words = calls.map(([{ name, text }]) => name ?? text);
    const statement = this.named(words.join('; '), () => compose(calls));
    const values = calls.flatMap(([, own]) => own);
    await this.send(tx, statement, values);
  }

  private async send<T>(tx: EntityManager | null, { name, text }: Statement, values: unknown[]): Promise<T[]> {
    // TypeORM 1.1.1 does not export PostgresDriver, whose `master` is the pool; a query runner costs a third of a look-up.
    const client = tx
      ? ((await tx.queryRunner!.connect()) as PoolClient)
      : (this.database.driver as unknown as { master: Pool }).master;
    const { rows } = await client.query(this.prepared ? { name, text, values } : { text, values });
    return rows as T[];
  }

  /** The composed statement of this key, prepared if it is one of the first. */
  private named(key: string, make: () => string): Statement {
    const known = this.composed.get(key);
    if (known) return known;
    const text = make();
    if (this.composed.size >= MAX_COMPOSED_ENTRIES) return { text };
    const statement = { name: `composed_${this.composed.size}`, text };
    this.composed.set(key, statement);
    return statement;
  }
}

function compose(calls: Call[]): string {
  let before = 0;
  const parts = calls.map(([{ text }, { length }]) => {
    const offset = before;
    before += length;
    return text.replaceAll(/\$(\d+)/g, (_, place: string) => `$${Number(place) + offset}`);
  });
  const last = parts.pop()!;
  return `WITH ${parts.map((text, index) => `part_${index} AS (${text})`).join(', ')} ${last}`;
}
