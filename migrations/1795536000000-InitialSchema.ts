import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The tables of the specification and those it leaves out. Changes against the specification stand beside the column.
 * Everywhere: TIMESTAMP is TIMESTAMPTZ (instants must not depend on a server's time zone), and a column with a default
 * is NOT NULL (a default does not keep an explicit null away).
 */
export class InitialSchema1795536000000 implements MigrationInterface {
  name = 'InitialSchema1795536000000';

  async up(runner: QueryRunner): Promise<void> {
    await createUsers(runner);
    await createPreferences(runner);
    await createSessions(runner);
    await createOneTimeTokens(runner);
    await createOutbox(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `DROP TABLE outbox_events, one_time_tokens, user_sessions, user_preferences, user_identities, users`,
    );
  }
}

async function createUsers(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE users (
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      email varchar(255) NOT NULL,
      name varchar(255) NOT NULL,
      password_hash text,                      -- added: null for an account that only signs in at a provider
      role varchar(20) NOT NULL DEFAULT 'user', -- added
      oauth_provider varchar(50),              -- mirror of the first row in user_identities
      oauth_id varchar(255),
      profile_picture_url text,
      bio text,
      location varchar(255),
      industry varchar(100),
      job_title varchar(255),
      company varchar(255),
      linkedin_url varchar(500),
      phone text,                              -- was VARCHAR(20): holds ciphertext
      date_of_birth text,                      -- was DATE: holds ciphertext
      gender varchar(20),
      is_active boolean NOT NULL DEFAULT true,
      is_verified boolean NOT NULL DEFAULT false,
      email_verified_at timestamptz,           -- added
      status_reason varchar(500),              -- added: why an administrator changed is_active, when and who;
      status_changed_at timestamptz,           --   no foreign key, the record outlives the administrator
      status_changed_by uuid,
      last_login timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT users_pkey PRIMARY KEY (id),
      -- added: one spelling per mailbox, whatever wrote the row
      CONSTRAINT users_email_check CHECK (email = lower(btrim(email)) AND char_length(email) BETWEEN 3 AND 254),
      CONSTRAINT users_name_check CHECK (btrim(name) <> ''),
      CONSTRAINT users_role_check CHECK (role IN ('user', 'moderator', 'admin')),
      CONSTRAINT users_oauth_provider_check CHECK (oauth_provider IN ('google', 'linkedin')),
      CONSTRAINT users_oauth_pair_check CHECK ((oauth_provider IS NULL) = (oauth_id IS NULL)),
      CONSTRAINT users_verified_check CHECK (is_verified = (email_verified_at IS NOT NULL))
    )`);
  // was UNIQUE (email) plus a plain index: one unique index on lower(email) carries both; a second would only cost writes.
  await runner.query(`CREATE UNIQUE INDEX idx_users_email ON users (lower(email))`);
  await runner.query(`CREATE INDEX idx_users_oauth ON users (oauth_provider, oauth_id)`);
  await runner.query(`CREATE INDEX idx_users_active ON users (is_active)`);
  // added: an account may be opened by several provider accounts, each provider account opens one
  await runner.query(`
    CREATE TABLE user_identities (
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL,
      provider varchar(50) NOT NULL,
      provider_user_id varchar(255) NOT NULL,
      email varchar(255),
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT user_identities_pkey PRIMARY KEY (id),
      CONSTRAINT user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
      CONSTRAINT user_identities_provider_subject_key UNIQUE (provider, provider_user_id),
      CONSTRAINT user_identities_provider_check CHECK (provider IN ('google', 'linkedin'))
    )`);
  await runner.query(`CREATE INDEX idx_identities_user ON user_identities (user_id)`);
}

async function createPreferences(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE user_preferences (
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL,                   -- was nullable
      age_min integer NOT NULL DEFAULT 18,
      age_max integer NOT NULL DEFAULT 65,
      location_radius integer NOT NULL DEFAULT 50, -- kilometres
      industries text[] NOT NULL DEFAULT '{}', -- the three lists had no default; empty says "none" in one way only
      job_levels text[] NOT NULL DEFAULT '{}',
      interests text[] NOT NULL DEFAULT '{}',
      notification_email boolean NOT NULL DEFAULT true,
      notification_push boolean NOT NULL DEFAULT true,
      privacy_profile varchar(20) NOT NULL DEFAULT 'public',
      privacy_location boolean NOT NULL DEFAULT true,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT user_preferences_pkey PRIMARY KEY (id),
      CONSTRAINT user_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
      CONSTRAINT user_preferences_user_id_key UNIQUE (user_id),
      -- added: the ranges and words of the API
      CONSTRAINT user_preferences_age_check CHECK (age_min >= 18 AND age_max >= age_min AND age_max <= 120),
      CONSTRAINT user_preferences_radius_check CHECK (location_radius BETWEEN 1 AND 20000),
      CONSTRAINT user_preferences_privacy_check CHECK (privacy_profile IN ('public', 'private', 'connections')),
      CONSTRAINT user_preferences_lists_check CHECK (
        cardinality(industries) <= 50 AND cardinality(job_levels) <= 50 AND cardinality(interests) <= 50)
    )`);
}

async function createSessions(runner: QueryRunner): Promise<void> {
  // fillfactor: last_used is in no index, so touching it stays inside the page (HOT) as long as the page has room.
  // autovacuum: a rotation replaces an indexed value; at the default of 20 % the indexes would bloat for days.
  await runner.query(`
    CREATE TABLE user_sessions (
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL,                   -- was nullable
      refresh_token varchar(500) NOT NULL,     -- a SHA-256, never the token
      counter integer NOT NULL DEFAULT 0,      -- added: rotations so far
      rotated_at timestamptz,                  -- added
      revoked_at timestamptz,                  -- added: a revoked row stays until it expires
      revoked_reason varchar(50),              -- added
      device_info jsonb,
      ip_address inet,
      user_agent varchar(500),                 -- added
      expires_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      last_used timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT user_sessions_pkey PRIMARY KEY (id),
      CONSTRAINT user_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
      CONSTRAINT user_sessions_counter_check CHECK (counter >= 0),
      CONSTRAINT user_sessions_revoked_check CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
    ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05)`);
  await runner.query(`CREATE INDEX idx_sessions_user ON user_sessions (user_id)`);
  // was UNIQUE (refresh_token) plus a plain index: one unique index is both
  await runner.query(`CREATE UNIQUE INDEX idx_sessions_token ON user_sessions (refresh_token)`);
  await runner.query(`CREATE INDEX idx_sessions_expires ON user_sessions (expires_at)`);
  await runner.query(`CREATE INDEX idx_sessions_revoked ON user_sessions (revoked_at) WHERE revoked_at IS NOT NULL`);
}

async function createOneTimeTokens(runner: QueryRunner): Promise<void> {
  // added: what mailed links carry
  await runner.query(`
    CREATE TABLE one_time_tokens (
      id uuid NOT NULL DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL,
      purpose varchar(30) NOT NULL,
      token_hash varchar(64) NOT NULL,
      expires_at timestamptz NOT NULL,
      used_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT one_time_tokens_pkey PRIMARY KEY (id),
      CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
      CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('password_reset', 'email_verification'))
    )`);
  await runner.query(`CREATE UNIQUE INDEX idx_one_time_tokens_hash ON one_time_tokens (token_hash)`);
  await runner.query(`CREATE INDEX idx_one_time_tokens_user ON one_time_tokens (user_id, purpose)`);
  await runner.query(`CREATE INDEX idx_one_time_tokens_expires ON one_time_tokens (expires_at)`);
}

async function createOutbox(runner: QueryRunner): Promise<void> {
  // added: events on their way to Kafka. Every row is inserted, updated once and deleted after the retention, so dead
  // rows come as fast as events; the relay reads idx_outbox_pending at its cold end and must not wade through them.
  await runner.query(`
    CREATE TABLE outbox_events (
      id bigint GENERATED ALWAYS AS IDENTITY,
      event_id uuid NOT NULL DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL,                   -- no foreign key: the event outlives the user
      event_type varchar(50) NOT NULL,
      payload jsonb NOT NULL DEFAULT '{}',
      traceparent varchar(55),
      created_at timestamptz NOT NULL DEFAULT now(),
      published_at timestamptz,
      parked_at timestamptz,
      last_error text,
      CONSTRAINT outbox_events_pkey PRIMARY KEY (id),
      CONSTRAINT outbox_events_type_check CHECK (event_type IN ('user.created', 'user.updated', 'user.deleted'))
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)`);
  await runner.query(`CREATE UNIQUE INDEX idx_outbox_event_id ON outbox_events (event_id)`);
  await runner.query(
    `CREATE INDEX idx_outbox_pending ON outbox_events (id) WHERE published_at IS NULL AND parked_at IS NULL`,
  );
  await runner.query(`CREATE INDEX idx_outbox_parked ON outbox_events (user_id) WHERE parked_at IS NOT NULL`);
  await runner.query(`CREATE INDEX idx_outbox_user ON outbox_events (user_id, id)`);
  await runner.query(`CREATE INDEX idx_outbox_created_at ON outbox_events (created_at)`);
}
