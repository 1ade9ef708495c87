/** Entries that get their leaves by one statement. */
export const BATCH_ROWS = 1000;

/** A field as text with its length in bytes before it, so that no two lists of fields look alike; `-` is null. */
const field = (text: string) => `coalesce(octet_length(${text}) || ':' || ${text}, '-')`;

const NO_PERSON = `'00000000-0000-0000-0000-000000000000'::uuid`;

/**
 * Whose salts hide the two parts of an entry `e`. An erasure blanks the target's part with the target alone, so without one
 * no erasure may delete that salt; it blanks the actor's part with either of them.
 */
export const ACTOR = `coalesce(e.actor_id, e.target_id, ${NO_PERSON})`;
export const TARGET = `coalesce(e.target_id, ${NO_PERSON})`;

/** SQL: the commitments of an entry `e` under a salt. */
export const commitToActor = (salt: string) =>
  `sha256(${salt} || convert_to('actor ' || e.id || ' ' || ${field('abbrev(e.ip_address)')} || ${field('e.request_id')}, 'UTF8'))`;
export const commitToTarget = (salt: string) =>
  `sha256(${salt} || convert_to('target ' || e.id || ' ' || ${field('e.reason')} || ${field('e.before::text')} || ${field('e.after::text')}, 'UTF8'))`;

/** SQL: the data of a leaf `l` of an entry `e`. The action comes last: the other fields have no spaces. */
export const LEAF = `concat_ws(' ', e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  coalesce(e.actor_id::text, '-'), coalesce(e.target_id::text, '-'), encode(l.actor, 'hex'), encode(l.target, 'hex'), e.action)`;

/** 244 random bits. */
const RANDOM = 'sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))';

/**
 * Gives committed entries past `$1` that have no leaf the next places in the tree, in the order of their ids. Who was erased
 * has no salt: a random one that is not kept stands in for it.
 */
const ADD = `
  WITH fresh AS MATERIALIZED (
    SELECT e.*, ${ACTOR} AS actor, ${TARGET} AS target FROM audit_logs AS e
     WHERE e.id > $1 AND NOT EXISTS (SELECT FROM audit_leaves AS l WHERE l.entry_id = e.id AND l.entry_id > $1)
     ORDER BY e.id LIMIT ${BATCH_ROWS}
  ), known AS MATERIALIZED (
    SELECT person_id, salt FROM audit_salts WHERE person_id IN (SELECT actor FROM fresh UNION SELECT target FROM fresh)
  ), made AS (
    INSERT INTO audit_salts (person_id, salt)
    SELECT person, ${RANDOM} FROM (SELECT actor AS person FROM fresh UNION SELECT target FROM fresh) AS people
     WHERE person NOT IN (SELECT person_id FROM known)
       AND NOT EXISTS (SELECT FROM audit_logs WHERE target_id = person AND action = 'user.deleted')
    RETURNING person_id, salt
  ), erased AS (
    -- One that was made while the account was being deleted.
    DELETE FROM audit_salts WHERE person_id IN (SELECT target_id FROM fresh WHERE action = 'user.deleted')
  ), salts AS (SELECT * FROM known UNION ALL SELECT * FROM made
  ), added AS (
    INSERT INTO audit_leaves (leaf_index, entry_id, actor, target, settled_id)
    SELECT (SELECT coalesce(max(leaf_index) + 1, 0) FROM audit_leaves) + row_number() OVER (ORDER BY e.id) - 1, e.id,
           ${commitToActor(`coalesce(a.salt, ${RANDOM})`)}, ${commitToTarget(`coalesce(t.salt, ${RANDOM})`)}, $1
      FROM fresh AS e LEFT JOIN salts AS a ON a.person_id = e.actor LEFT JOIN salts AS t ON t.person_id = e.target
    RETURNING entry_id
  )
  SELECT count(*)::int AS leaves, max(entry_id)::float8 AS last, set_config('synchronous_commit', 'on', true),
         (SELECT coalesce(max(leaf_index) + 1, 0) FROM audit_leaves)::float8 + count(*) AS total FROM added`;

/** Transactions that may hold an id without having committed it hold this lock from before they drew the id. */
const WRITERS = `
  SELECT coalesce((SELECT max(id) FROM audit_logs), 0)::float8 AS newest,
    coalesce((SELECT settled_id FROM audit_leaves ORDER BY leaf_index DESC LIMIT 1), 0)::float8 AS settled, ARRAY(
    SELECT virtualtransaction FROM pg_locks JOIN pg_database AS d ON d.oid = database
     WHERE datname = current_database() AND relation = 'audit_logs'::regclass AND mode = 'RowExclusiveLock') AS writers`;

/** The connection of the leader: only one instance has it. */
export interface LeaderSession {
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  readonly isLeaseValid: boolean;
}

/**
 * Adds leaves in an order of its own: ids are drawn before their transactions commit, so an entry may appear behind later ones.
 * Entries are searched past `settled`, the id up to which every transaction has ended and every entry has a leaf.
 */
export class AuditLeaves {
  private settled = 0;
  /** Up to this id every transaction has ended. */
  private ended = 0;
  private mark: { newest: number; writers: string[] } | undefined;

  constructor(private readonly session: LeaderSession) {}

  /** Takes up what the instance before has found out, and looks which transactions have ended. */
  async settle(): Promise<void> {
    const [now] = await this.session.query<{ newest: number; settled: number; writers: string[] }>(WRITERS);
    this.settled = Math.max(this.settled, now!.settled);
    if (this.mark?.writers.some((writer) => now!.writers.includes(writer))) return;
    this.ended = this.mark?.newest ?? 0;
    this.mark = now!;
  }

  /** @returns the leaves that there are now, and whether there may be entries without one */
  async addBatch(): Promise<{ total: number; more: boolean }> {
    const [row] = await this.session.query<{ leaves: number; last: number; total: number }>(ADD, [this.settled]);
    const { leaves, last, total } = row!;
    const more = leaves === BATCH_ROWS;
    this.settled = Math.max(this.settled, more ? Math.min(last, this.ended) : this.ended);
    return { total, more };
  }

  /** The data of the leaves from an index on, as many as a batch has. */
  read(from: number): Promise<{ leaf_index: string; leaf: string }[]> {
    return this.session.query(
      `SELECT l.leaf_index, ${LEAF} AS leaf FROM audit_leaves AS l JOIN audit_logs AS e ON e.id = l.entry_id
        WHERE l.leaf_index >= $1 ORDER BY l.leaf_index LIMIT ${BATCH_ROWS}`,
      [from],
    );
  }
}
