import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexConcurrently, dropIndexConcurrently } from './concurrent-index.js';

const INDEXES = [
  // "Database Optimization" of the specification
  ['idx_users_email_active', `ON users(email) WHERE is_active = true`],
  ['idx_users_created_at', `ON users(created_at DESC)`],
  ['idx_users_last_login', `ON users(last_login DESC) WHERE last_login IS NOT NULL`],
  ['idx_users_google_oauth', `ON users(oauth_id) WHERE oauth_provider = 'google'`],
  ['idx_users_linkedin_oauth', `ON users(oauth_id) WHERE oauth_provider = 'linkedin'`],
  // added: the administrators' list by name, and "is this the last administrator" without reading a million rows
  ['idx_users_name', `ON users(name, id)`],
  ['idx_users_admins', `ON users(id) WHERE role = 'admin'`],
] as const;

/** Indexes for common queries, built while the service goes on writing. */
export class ConcurrentIndexes1795536120000 implements MigrationInterface {
  name = 'ConcurrentIndexes1795536120000';
  // CREATE INDEX CONCURRENTLY is refused inside a transaction.
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const [name, definition] of INDEXES) await createIndexConcurrently(runner, name, definition);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [name] of INDEXES.toReversed()) await dropIndexConcurrently(runner, name);
  }
}
