import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: keys of JWT_ALGORITHM=ES256, which instances share and `npm run keys:rotate` changes. */
export class SigningKeys1795760000000 implements MigrationInterface {
  name = 'SigningKeys1795760000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE signing_keys (
        kid varchar(43) NOT NULL,
        private_key text NOT NULL,
        signs_from timestamptz NOT NULL,
        retires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
      )`);
    await runner.query('CREATE INDEX idx_signing_keys_retires_at ON signing_keys (retires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE signing_keys');
  }
}
