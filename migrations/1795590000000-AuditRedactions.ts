import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: an audit too long for the transaction that deletes its account is blanked step by step. */
export class AuditRedactions1795590000000 implements MigrationInterface {
  name = 'AuditRedactions1795590000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_redactions (
        user_id uuid NOT NULL,                 -- no foreign key: the user is gone
        side varchar(6) NOT NULL,
        at timestamptz NOT NULL,               -- everything newer than this entry is done
        id bigint NOT NULL,
        CONSTRAINT audit_redactions_pkey PRIMARY KEY (user_id, side),
        CONSTRAINT audit_redactions_side_check CHECK (side IN ('target', 'actor'))
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Whose audit is still to be blanked would be known nowhere else.
    const [left] = (await runner.query(`SELECT 1 FROM audit_redactions LIMIT 1`)) as unknown[];
    if (left) throw new Error('an erasure still goes on; let the service finish it (audit_redactions must be empty)');
    await runner.query(`DROP TABLE audit_redactions`);
  }
}
