import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: the append-only record of who did what. */
export class AuditLog1795536060000 implements MigrationInterface {
  name = 'AuditLog1795536060000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_logs (
        id bigint GENERATED ALWAYS AS IDENTITY,
        at timestamptz NOT NULL DEFAULT now(),
        actor_id uuid,                         -- no foreign keys: the entry outlives the users it names
        target_id uuid,
        action varchar(60) NOT NULL,
        reason varchar(500),
        ip_address inet,
        request_id varchar(128),
        before jsonb,
        after jsonb,
        CONSTRAINT audit_logs_pkey PRIMARY KEY (id)
      )`);
    // Each ends in id, so that a page begins exactly where the last one ended.
    await runner.query(`CREATE INDEX idx_audit_at ON audit_logs (at DESC, id DESC)`);
    await runner.query(`CREATE INDEX idx_audit_actor ON audit_logs (actor_id, id DESC)`);
    await runner.query(`CREATE INDEX idx_audit_target ON audit_logs (target_id, id DESC)`);
    await runner.query(`CREATE INDEX idx_audit_action ON audit_logs (action, id DESC)`);

    // The one change allowed is blanking what may identify a person (GDPR article 17), and only by a transaction that
    // says so: SET LOCAL meetinity.redact_audit = 'on'. Compared as jsonb, so that a column added later is protected too.
    await runner.query(`
      CREATE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        blanked jsonb;
      BEGIN
        IF TG_OP = 'UPDATE' AND current_setting('meetinity.redact_audit', true) = 'on' THEN
          IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
          END IF;
          SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO blanked
            FROM jsonb_each(to_jsonb(NEW))
            WHERE key IN ('reason', 'ip_address', 'request_id', 'before', 'after') AND value = 'null';
          IF to_jsonb(NEW) = to_jsonb(OLD) || blanked THEN
            RETURN NEW;
          END IF;
        END IF;
        RAISE EXCEPTION 'audit_logs is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
      END
      $$`);
    // The statement trigger also refuses what would touch no row, and TRUNCATE, which row triggers do not see.
    await runner.query(`
      CREATE TRIGGER audit_logs_refuse_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs
        FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only()`);
    await runner.query(`
      CREATE TRIGGER audit_logs_refuse_row BEFORE UPDATE OR DELETE ON audit_logs
        FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE audit_logs`);
    await runner.query(`DROP FUNCTION audit_logs_append_only()`);
  }
}
