import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: credentials of other services, one row a service; tokens are stored as hashes. */
export class ServiceCredentials1795700000000 implements MigrationInterface {
  name = 'ServiceCredentials1795700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE service_credentials (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        name varchar(64) NOT NULL,
        scopes text[] NOT NULL,
        token_hashes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        rotated_at timestamptz,
        revoked_at timestamptz,
        CONSTRAINT service_credentials_pkey PRIMARY KEY (id),
        CONSTRAINT service_credentials_tokens_check CHECK (cardinality(token_hashes) BETWEEN 1 AND 2)
      )`);
    // Revoked rows stay for the audit; their names can be used again.
    await runner.query(
      `CREATE UNIQUE INDEX idx_service_credentials_name ON service_credentials (name) WHERE revoked_at IS NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE service_credentials');
  }
}
