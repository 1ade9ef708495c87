import { Injectable } from '@nestjs/common';
import type { PoolClient, Pool } from 'pg';
import { DataSource, EntityManager } from 'typeorm';
import { Settings } from '../config/settings.js';

/** A statement of a hot path; `name` is its own in the whole service, and missing where the text is put together. */
export interface Statement {
  name?: string;
  text: string;
}

export type Call = [statement: Statement, values: unknown[]];

/** Texts put together that get a name; each costs some kilobytes in every connection, so that callers must not choose how many. */
const MAX_COMPOSED_ENTRIES = 100;

/**
 * Runs the statements of hot paths under their names: PostgreSQL parses and plans each once a connection, which halves the
 * processor time of a look-up here. Everything else goes through TypeORM's repositories.
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
   * @param tx the transaction that the statement belongs to; null for a connection of the pool
   * @returns the rows, columns named as in the statement
   */
  run<T>(tx: EntityManager | null, statement: Statement, values: unknown[]): Promise<T[]> {
    const { name, text } = statement;
    return this.send(tx, name === undefined ? this.named(text, () => text) : statement, values);
  }

  /**
   * Runs statements in one round trip. They see the same state of the database, none sees what the others do, and in which
   * order they act is open: what that order must not touch, a lock that the transaction holds already has to guard.
   */
  async runTogether(tx: EntityManager, calls: Call[]): Promise<void> {
    const words = calls.map(([{ name, text }]) => name ?? text);
    const statement = this.named(words.join('; '), () => compose(calls));
    const values = calls.flatMap(([, own]) => own);
    await this.send(tx, statement, values);
  }

  private async send<T>(tx: EntityManager | null, { name, text }: Statement, values: unknown[]): Promise<T[]> {
    const client = tx
      ? ((await tx.queryRunner!.connect()) as PoolClient)
      : (this.database.driver as unknown as { master: Pool }).master;
    const { rows } = await client.query(this.prepared ? { name, text, values } : { text, values });
    return rows as T[];
  }

  /** The statement put together under this key, with a name as long as there are few. */
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
