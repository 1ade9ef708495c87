import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: passkeys (WebAuthn Level 3). */
export class Passkeys1795770000000 implements MigrationInterface {
  name = 'Passkeys1795770000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webauthn_credentials (
        id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT webauthn_credentials_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT webauthn_credentials_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        credential_id varchar(1364) NOT NULL,
        public_key bytea NOT NULL,
        counter bigint NOT NULL,
        transports text[] NOT NULL DEFAULT '{}',
        backup_eligible boolean NOT NULL,
        backed_up boolean NOT NULL,
        name varchar(100) NOT NULL,
        rp_id varchar(253) NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_used_at timestamptz
      )`);
    await runner.query('CREATE INDEX idx_webauthn_credentials_user ON webauthn_credentials (user_id)');
    await runner.query(
      'CREATE UNIQUE INDEX idx_webauthn_credentials_credential ON webauthn_credentials (credential_id)',
    );
    await runner.query(`
      ALTER TABLE users ADD COLUMN passkey_status varchar(10)
        CONSTRAINT users_passkey_status_check CHECK (passkey_status IN ('unproven', 'proven'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN passkey_status');
    await runner.query('DROP TABLE webauthn_credentials');
  }
}
