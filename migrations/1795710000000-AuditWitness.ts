import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: the order and the commitments of the audit's Merkle tree, and the salts of persons. */
export class AuditWitness1795710000000 implements MigrationInterface {
  name = 'AuditWitness1795710000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_leaves (
        leaf_index bigint NOT NULL,
        entry_id bigint NOT NULL,              -- no foreign key: a missing entry has to be found, not prevented
        actor bytea NOT NULL,
        target bytea NOT NULL,
        settled_id bigint NOT NULL,            -- every committed entry up to this id had a leaf by then
        CONSTRAINT audit_leaves_pkey PRIMARY KEY (leaf_index),
        CONSTRAINT audit_leaves_entry_id_key UNIQUE (entry_id)
      )`);
    await runner.query(`
      CREATE TABLE audit_salts (
        person_id uuid NOT NULL,               -- no foreign key: entries name persons who never had an account
        salt bytea NOT NULL,
        CONSTRAINT audit_salts_pkey PRIMARY KEY (person_id),
        CONSTRAINT audit_salts_salt_check CHECK (octet_length(salt) = 32)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE audit_salts`);
    await runner.query(`DROP TABLE audit_leaves`);
  }
}
