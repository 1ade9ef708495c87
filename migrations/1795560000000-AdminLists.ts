import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexConcurrently, dropIndexConcurrently, replaceIndexConcurrently } from './concurrent-index.js';

interface Replaced {
  name: string;
  kind?: 'UNIQUE INDEX';
  from: string;
  to: string;
}

const REPLACED: Replaced[] = [
  // id: a page begins exactly where the last one ended, also among a million rows of one import with one created_at.
  // INCLUDE: skipping to a far page, filtered or not, reads the index alone and never the rows that are skipped.
  {
    name: 'idx_users_created_at',
    from: `ON users(created_at DESC)`,
    to: `ON users(created_at DESC, id) INCLUDE (is_active, role, oauth_provider)`,
  },
  {
    name: 'idx_users_last_login',
    from: `ON users(last_login DESC) WHERE last_login IS NOT NULL`,
    to: `ON users(last_login DESC, id) WHERE last_login IS NOT NULL`,
  },
  // email: without the column beside its expression the planner does not see that the index alone would do.
  {
    name: 'idx_users_email',
    kind: 'UNIQUE INDEX',
    from: `ON users(lower(email))`,
    to: `ON users(lower(email)) INCLUDE (email, id)`,
  },
  // at: the order of every audit list, and so a range of time is a range of the index.
  ...['actor_id', 'target_id', 'action'].map((column) => ({
    name: `idx_audit_${column.replace('_id', '')}`,
    from: `ON audit_logs(${column}, id DESC)`,
    to: `ON audit_logs(${column}, at DESC, id DESC)`,
  })),
];

const ADDED = [
  // Those who never signed in stand outside idx_users_last_login, but in the list ordered by it.
  ['idx_users_no_login', `ON users(id) WHERE last_login IS NULL`],
  ['idx_users_staff', `ON users(role, id) WHERE role <> 'user'`],
] as const;

/** Indexes under the administrators' lists, built while the service goes on writing. */
export class AdminLists1795560000000 implements MigrationInterface {
  name = 'AdminLists1795560000000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const { name, to, kind } of REPLACED) await replaceIndexConcurrently(runner, name, to, kind);
    for (const [name, definition] of ADDED) await createIndexConcurrently(runner, name, definition);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [name] of ADDED.toReversed()) await dropIndexConcurrently(runner, name);
    for (const { name, from, kind } of REPLACED.toReversed()) await replaceIndexConcurrently(runner, name, from, kind);
  }
}
