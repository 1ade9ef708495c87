import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Added against the specification: entries of the audit are blanked by one function alone, which runs with the rights of the
 * tables' owner. The role of the service, where it is another one, needs no right to change the table.
 */
export class AuditRoles1795650000000 implements MigrationInterface {
  name = 'AuditRoles1795650000000';

  async up(runner: QueryRunner): Promise<void> {
    const [{ schema }] = (await runner.query(`SELECT quote_ident(current_schema()) AS schema`)) as [{ schema: string }];
    // Only the system's own functions are looked up by name: an overload elsewhere would run with the owner's rights.
    // The planner settings keep it on the index where statistics are old.
    await runner.query(`
      CREATE FUNCTION audit_logs_redact(
        person uuid, side text, before_at timestamptz, before_id bigint, batch integer,
        OUT reached_at timestamptz, OUT reached_id bigint
      ) LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp SET enable_sort = off SET enable_bitmapscan = off SET jit = off
      AS $$
      DECLARE
        ids bigint[];
      BEGIN
        -- Only of an account that was erased, which the audit itself records.
        IF EXISTS (SELECT FROM ${schema}.users WHERE id = person) OR NOT EXISTS (
          SELECT FROM ${schema}.audit_logs WHERE target_id = person AND action = 'user.deleted'
        ) THEN
          RAISE EXCEPTION 'audit_logs of % stay: the account was not erased', person USING ERRCODE = 'restrict_violation';
        END IF;
        IF side = 'target' THEN
          ids := ARRAY(SELECT id FROM ${schema}.audit_logs
            WHERE target_id = person AND (at, id) < (before_at, before_id) ORDER BY at DESC, id DESC LIMIT batch);
          UPDATE ${schema}.audit_logs SET reason = NULL, ip_address = NULL, request_id = NULL, before = NULL, after = NULL
            WHERE id = ANY (ids) AND num_nonnulls(reason, ip_address, request_id, before, after) > 0;
        ELSE
          -- What the person did to others keeps its reason and its values: those are about the others.
          ids := ARRAY(SELECT id FROM ${schema}.audit_logs
            WHERE actor_id = person AND (at, id) < (before_at, before_id) ORDER BY at DESC, id DESC LIMIT batch);
          UPDATE ${schema}.audit_logs SET ip_address = NULL, request_id = NULL
            WHERE id = ANY (ids) AND num_nonnulls(ip_address, request_id) > 0;
        END IF;
        SELECT at, id INTO reached_at, reached_id FROM ${schema}.audit_logs WHERE id = ids[batch];
      END
      $$`);
    await runner.query(`REVOKE ALL ON FUNCTION audit_logs_redact FROM PUBLIC`);
    // The call stack says who changes: a setting could be made by anybody.
    await runner.query(`
      CREATE OR REPLACE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        blanked jsonb;
        callers text;
      BEGIN
        GET DIAGNOSTICS callers = PG_CONTEXT;
        IF TG_OP = 'UPDATE' AND callers LIKE '%audit_logs_redact(%' THEN
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
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE OR REPLACE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
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
    await runner.query(`DROP FUNCTION audit_logs_redact`);
  }
}
