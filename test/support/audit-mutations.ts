import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from 'pg';
import { AuditLeaves } from '../../src/audit/witness/audit-leaves.js';
import { CheckpointSigner } from '../../src/audit/witness/checkpoint-signer.js';
import { LOG_NAME, type WitnessedAudit } from './witnessed-audit.js';

export const MUTATIONS = ['changed', 'deleted', 'inserted', 'reordered', 'truncated', 'forked', 'rolled back'] as const;
export type Mutation = (typeof MUTATIONS)[number];

/** A whole number from 0 to below `limit`. */
export type Pick = (limit: number) => number;

const TABLES = ['audit_logs', 'audit_leaves', 'audit_salts'];
/** A value that differs from the current one. */
const CHANGES = [
  `at = at + interval '1 microsecond'`,
  `actor_id = gen_random_uuid()`,
  `target_id = CASE WHEN target_id IS NULL THEN gen_random_uuid() END`,
  `action = action || '.x'`,
  `reason = CASE WHEN reason IS NULL THEN 'x' ELSE reason || ' ' END`,
  `ip_address = CASE WHEN ip_address IS NULL THEN '192.0.2.1'::inet ELSE ip_address + 1 END`,
  `request_id = CASE WHEN request_id IS NULL THEN '' END`,
  `before = CASE WHEN before IS NULL THEN 'null'::jsonb END`,
  `after = coalesce(after, '{}') || '{"x": 1}'`,
];

/** Changes that the owner of a database could make to the audit, on a connection without triggers. */
export class AuditMutator {
  private readonly checkpoint: string;
  private readonly file: string;

  private constructor(
    private readonly client: Client,
    private readonly audit: WitnessedAudit,
  ) {
    this.file = path.join(audit.folder, 'checkpoint');
    this.checkpoint = readFileSync(this.file, 'utf8');
  }

  static async open(client: Client, audit: WitnessedAudit): Promise<AuditMutator> {
    await client.query('SET session_replication_role = replica; CREATE SCHEMA kept');
    for (const table of TABLES) await client.query(`CREATE TABLE kept.${table} AS TABLE ${table}`);
    return new AuditMutator(client, audit);
  }

  /** Undoes the last change. */
  async restore(): Promise<void> {
    const fill = TABLES.map((table) => `INSERT INTO ${table} OVERRIDING SYSTEM VALUE TABLE kept.${table};`);
    await this.client.query(`BEGIN; TRUNCATE ${TABLES.join(', ')}; ${fill.join('\n')} COMMIT`);
    writeFileSync(this.file, this.checkpoint);
  }

  async mutate(mutation: Mutation, pick: Pick): Promise<void> {
    const { entries } = this.audit;
    const one = pick(entries);
    const other = (one + 1 + pick(entries - 1)) % entries;
    if (mutation === 'changed') await this.change(one, pick);
    else if (mutation === 'deleted') await this.delete(one, pick);
    else if (mutation === 'inserted') await this.insert(one, pick);
    else if (mutation === 'reordered') await this.reorder(one, other, pick);
    else if (mutation === 'truncated') await this.truncate(one);
    else if (mutation === 'forked') await this.fork(one, pick);
    else {
      const notes = this.audit.notes.slice(0, -1);
      const older = notes[pick(notes.length)]!;
      await this.truncate(Number(older.split('\n')[1]));
      writeFileSync(this.file, older);
    }
  }

  private run(text: string, values: unknown[] = []) {
    return this.client.query(text, values);
  }

  private async change(leaf: number, pick: Pick): Promise<void> {
    const kind = pick(CHANGES.length + 4);
    if (kind < CHANGES.length)
      await this.run(
        `UPDATE audit_logs SET ${CHANGES[kind]} WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = $1)`,
        [leaf],
      );
    else if (kind < CHANGES.length + 2)
      await this.run(`UPDATE audit_leaves SET ${kind % 2 ? 'actor' : 'target'} = sha256(actor) WHERE leaf_index = $1`, [
        leaf,
      ]);
    else if (kind === CHANGES.length + 2)
      await this.run(`UPDATE audit_leaves SET entry_id = entry_id + 1000000 WHERE leaf_index = $1`, [leaf]);
    else
      await this.run(
        `UPDATE audit_salts SET salt = $2 WHERE person_id = (SELECT person_id FROM audit_salts ORDER BY person_id
          OFFSET $1::bigint % (SELECT count(*) FROM audit_salts) LIMIT 1)`,
        [leaf, randomBytes(32)],
      );
    // The owner knows the salts, and can make new commitments for the changed entry.
    if (kind < CHANGES.length && pick(3) === 0) await this.commitAnew(leaf);
  }

  private async commitAnew(leaf: number): Promise<void> {
    const { rows } = await this.run('DELETE FROM audit_leaves WHERE leaf_index >= $1 RETURNING leaf_index', [leaf]);
    const leaves = new AuditLeaves({
      query: async (text, values) => (await this.run(text, values)).rows,
      isLeaseValid: true,
    });
    await leaves.addBatch();
    // At least as many leaves as were signed.
    if (rows.length === 0) throw new Error('no leaf was replaced');
  }

  private async delete(leaf: number, pick: Pick): Promise<void> {
    const kind = pick(5);
    const last = leaf + (kind === 3 ? pick(20) : 0);
    if (kind === 4)
      return void (await this.run(
        `DELETE FROM audit_salts WHERE person_id = (SELECT person_id FROM audit_salts ORDER BY person_id
          OFFSET $1::bigint % (SELECT count(*) FROM audit_salts) LIMIT 1)`,
        [leaf],
      ));
    if (kind !== 1)
      await this.run(
        'DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index BETWEEN $1 AND $2)',
        [leaf, last],
      );
    if (kind > 0) await this.run('DELETE FROM audit_leaves WHERE leaf_index BETWEEN $1 AND $2', [leaf, last]);
    if (kind === 2) await this.shift(leaf, -1);
  }

  /** Moves all leaves from an index on. */
  private async shift(from: number, by: number): Promise<void> {
    await this.run('UPDATE audit_leaves SET leaf_index = -1 - leaf_index - $2 WHERE leaf_index >= $1', [from, by]);
    await this.run('UPDATE audit_leaves SET leaf_index = -1 - leaf_index WHERE leaf_index < 0');
  }

  private async insert(leaf: number, pick: Pick): Promise<void> {
    const { rows } = await this.run(
      `INSERT INTO audit_logs (at, actor_id, target_id, action, reason, ip_address, request_id, before, after)
       SELECT at, actor_id, target_id, 'user.promoted', reason, ip_address, request_id, before, after FROM audit_logs
        WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = $1) RETURNING id`,
      [leaf],
    );
    const place = [undefined, leaf, this.audit.entries][pick(3)];
    if (place === undefined) return;
    await this.shift(place, 1);
    await this.run(
      `INSERT INTO audit_leaves SELECT $1, $2, actor, target, 0 FROM audit_leaves ORDER BY leaf_index LIMIT 1`,
      [place, rows[0].id],
    );
  }

  private async reorder(one: number, other: number, pick: Pick): Promise<void> {
    if (pick(2) === 0) {
      await this.run(
        `UPDATE audit_leaves SET leaf_index = -1 - CASE leaf_index WHEN $1 THEN $2::bigint ELSE $1 END WHERE leaf_index IN ($1, $2)`,
        [one, other],
      );
      await this.run('UPDATE audit_leaves SET leaf_index = -1 - leaf_index WHERE leaf_index < 0');
      return;
    }
    const columns = 'at, actor_id, target_id, action, reason, ip_address, request_id, before, after';
    await this.run(
      `UPDATE audit_logs AS e SET (${columns}) = (SELECT ${columns} FROM kept.audit_logs WHERE id = pair.other)
         FROM (SELECT a.entry_id AS id, b.entry_id AS other FROM audit_leaves AS a, audit_leaves AS b
                WHERE (a.leaf_index, b.leaf_index) IN (($1, $2), ($2, $1))) AS pair WHERE pair.id = e.id`,
      [one, other],
    );
  }

  private async truncate(size: number): Promise<void> {
    await this.run('DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index >= $1)', [
      size,
    ]);
    await this.run('DELETE FROM audit_leaves WHERE leaf_index >= $1', [size]);
  }

  /** A different history from a leaf on, at least as long, with valid commitments. */
  private async fork(leaf: number, pick: Pick): Promise<void> {
    const { entries } = this.audit;
    await this.run(
      `UPDATE audit_logs SET reason = 'another', after = '{"other": true}', actor_id = gen_random_uuid()
        WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index >= $1)`,
      [leaf],
    );
    await this.run(
      `INSERT INTO audit_logs (at, action, after) SELECT at, action, after FROM kept.audit_logs ORDER BY id LIMIT $1`,
      [pick(5)],
    );
    await this.commitAnew(leaf);
    if (pick(2) === 0) return;
    const signer = new CheckpointSigner(LOG_NAME, randomBytes(32));
    writeFileSync(this.file, signer.sign(entries, randomBytes(32)));
  }
}
