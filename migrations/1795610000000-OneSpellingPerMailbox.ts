import type { MigrationInterface, QueryRunner } from 'typeorm';
import tr46 from 'tr46';
import { createIndexConcurrently, dropIndexConcurrently } from './concurrent-index.js';

interface Address {
  id: string;
  email: string;
}

/** Of one batch; each is a statement of its own, so that other transactions do not wait for long. */
const BATCH_ROWS = 1000;

// All other ASCII breaks no rule of domains, and the rows of most databases are told apart without leaving SQL.
const SUSPECTS = `SELECT id, email FROM users
  WHERE email_legacy IS NULL AND (email !~ '^[a-z0-9!#$%&''*+/=?^_\`{|}~.-]{1,64}@[a-z0-9.-]+$' OR email LIKE '%xn--%'
    OR email ~ '(^|[.@])[.@-]|[.-]([.@-]|$)|@[^.]*$|[.]([0-9]+|0x[0-9a-f]*)$')
  ORDER BY is_verified DESC, created_at, id`;

const REWRITE = `WITH wanted AS (
    SELECT DISTINCT ON (email) id, email FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS w(id, email, place)
    ORDER BY email, place
  ), rewritten AS (
    UPDATE users u SET email = w.email, email_legacy = u.email, updated_at = now() FROM wanted w
    WHERE u.id = w.id AND NOT EXISTS (SELECT FROM users o WHERE lower(o.email) = w.email)
    RETURNING u.id
  ), told AS (
    INSERT INTO outbox_events (user_id, event_type, payload)
    SELECT id, 'user.updated', '{"updated_fields": ["email"]}' FROM rewritten
  )
  SELECT count(*)::int AS count FROM rewritten`;

const KEEP = `WITH kept AS (
    UPDATE users SET email_legacy = email WHERE id = ANY($1::uuid[]) AND email_legacy IS NULL RETURNING id
  )
  SELECT count(*)::int AS count FROM kept`;

/**
 * One mailbox has one spelling from now on: ASCII before the @, the A-label (UTS #46) behind it. Domains of older rows are
 * rewritten where no other row has the result, confirmed accounts first; the former spelling stays in `email_legacy`, and so
 * do addresses that cannot be rewritten, so that everybody can sign in as before.
 */
export class OneSpellingPerMailbox1795610000000 implements MigrationInterface {
  name = 'OneSpellingPerMailbox1795610000000';
  // Reading a million rows must not hold the lock that a new column takes.
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN IF NOT EXISTS email_legacy varchar(255)');
    await createIndexConcurrently(
      runner,
      'idx_users_email_legacy',
      'ON users (email_legacy) WHERE email_legacy IS NOT NULL',
      'UNIQUE INDEX',
    );
    const suspects = ((await runner.query(SUSPECTS)) as Address[]).filter(({ email }) => canonical(email) !== email);
    let [rewritten, kept] = [0, 0];
    for (let first = 0; first < suspects.length; first += BATCH_ROWS) {
      const batch = suspects.slice(first, first + BATCH_ROWS);
      rewritten += await rewrite(runner, batch);
      kept += await count(runner, KEEP, [batch.map(({ id }) => id)]);
    }
    if (rewritten + kept === 0) return;
    const where = `SELECT id, email, email_legacy FROM users WHERE email_legacy IS NOT NULL`;
    await runner.query(`DO $$ BEGIN
      RAISE WARNING 'e-mail addresses: % rewritten to the spelling of their mailbox, % kept that break the rule; they are listed by ${where}', ${rewritten}, ${kept};
    END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('UPDATE users SET email = email_legacy WHERE email_legacy <> email');
    await dropIndexConcurrently(runner, 'idx_users_email_legacy');
    await runner.query('ALTER TABLE users DROP COLUMN email_legacy');
  }
}

async function rewrite(runner: QueryRunner, batch: Address[]): Promise<number> {
  const wanted = batch
    .flatMap(({ id, email }) => ({ id, email: canonical(email) ?? [] }))
    .filter(({ email }) => email.length > 0);
  return count(runner, REWRITE, [wanted.map(({ id }) => id), wanted.map(({ email }) => email)]);
}

async function count(runner: QueryRunner, statement: string, values: unknown[]): Promise<number> {
  const [row] = (await runner.query(statement, values)) as { count: number }[];
  return row!.count;
}

/** The rule as it stood when this was written; null where the part before the @ or the domain breaks it. */
function canonical(email: string): string | null {
  const [local = '', domain = '', ...more] = email.split('@');
  const ascii = tr46.toASCII(domain, {
    checkBidi: true,
    checkJoiners: true,
    useSTD3ASCIIRules: true,
    verifyDNSLength: true,
  });
  const atoms = /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
  if (more.length > 0 || local.length > 64 || !atoms.test(local) || ascii === null) return null;
  if (/^[^.]*$|(^|\.)-|-(\.|$)|\.(\d+|0x[\da-f]*)$/.test(ascii)) return null;
  const rewritten = `${local}@${ascii}`;
  return rewritten.length <= 254 ? rewritten : null;
}
