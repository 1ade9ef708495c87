import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: what the mobile app shows of a user and no other table holds. */
export class ProfileDetails1795720000000 implements MigrationInterface {
  name = 'ProfileDetails1795720000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE user_profile_details (
        user_id uuid CONSTRAINT user_profile_details_pkey PRIMARY KEY
          CONSTRAINT user_profile_details_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        headline varchar(255),
        availability varchar(255),
        skills text[] NOT NULL DEFAULT '{}',
        event_types text[] NOT NULL DEFAULT '{}',
        experiences jsonb NOT NULL DEFAULT '[]',
        links jsonb NOT NULL DEFAULT '[]',
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT user_profile_details_lists_check CHECK (cardinality(skills) <= 50 AND cardinality(event_types) <= 50)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE user_profile_details');
  }
}
