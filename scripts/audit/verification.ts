import type { DataSource, EntityManager } from 'typeorm';
import { ACTOR, commitToActor, commitToTarget, LEAF, TARGET } from '../../src/audit/witness/audit-leaves.js';
import { TileTree } from '../../src/audit/witness/tile-tree.js';
import type { Checkpoint } from './checkpoints.js';

/** Rows that are read at a time. */
const PAGE_ROWS = 5000;
/** Findings that are listed. */
const MAX_ENTRIES = 50;
/** Younger entries need no signature yet. */
const UNSIGNED_SECONDS = 60;

interface Row {
  leaf_index: string;
  entry_id: string;
  /** Null where the entry is missing. */
  leaf: string | null;
  actor_valid: boolean;
  target_valid: boolean;
}

/**
 * Every leaf with its entry. A part is valid if it opens the commitment under the salt of its person, or if it is blank
 * and the log says that the person was deleted. An erasure of the target blanks the actor's part too.
 */
const LEAVES = `
  WITH erased AS MATERIALIZED (
    SELECT e.target_id FROM audit_leaves AS l JOIN audit_logs AS e ON e.id = l.entry_id
     WHERE e.action = 'user.deleted' AND e.target_id IS NOT NULL AND l.leaf_index < $1
  )
  SELECT l.leaf_index, l.entry_id, CASE WHEN e.id IS NOT NULL THEN ${LEAF} END AS leaf,
         coalesce(l.actor = ${commitToActor('a.salt')}, false) OR (num_nonnulls(e.ip_address, e.request_id) = 0
           AND (${ACTOR} IN (SELECT * FROM erased) OR ${TARGET} IN (SELECT * FROM erased))) AS actor_valid,
         coalesce(l.target = ${commitToTarget('t.salt')}, false) OR (num_nonnulls(e.reason, e.before, e.after) = 0
           AND ${TARGET} IN (SELECT * FROM erased)) AS target_valid
    FROM audit_leaves AS l LEFT JOIN audit_logs AS e ON e.id = l.entry_id
    LEFT JOIN audit_salts AS a ON a.person_id = ${ACTOR} LEFT JOIN audit_salts AS t ON t.person_id = ${TARGET}
   WHERE l.leaf_index < $1 ORDER BY l.leaf_index, l.entry_id`;

const UNSIGNED = `
  SELECT e.id, e.at < coalesce($2::timestamptz, now()) - interval '${UNSIGNED_SECONDS} seconds' AS late
    FROM audit_logs AS e LEFT JOIN audit_leaves AS l ON l.entry_id = e.id AND l.leaf_index < $1
   WHERE l.leaf_index IS NULL ORDER BY e.id`;

export interface Verdict {
  /** Empty where the audit is as it was signed. */
  findings: string[];
  /** Leaves under the last checkpoint. */
  signed: number;
  /** Entries that are too young to need a signature. */
  unsigned: number;
}

/**
 * Compares the audit of a database with signed checkpoints.
 * @param asOf when the database was dumped; null for one in use
 */
export async function verifyAudit(
  database: DataSource,
  checkpoints: Checkpoint[],
  asOf: Date | null,
): Promise<Verdict> {
  return database.transaction('REPEATABLE READ', async (tx) => {
    const findings: string[] = [];
    const signed = Math.max(...checkpoints.map(({ size }) => size));
    await compareLeaves(tx, checkpoints, signed, findings);
    const unsigned = await tx.query<{ id: string; late: boolean }[]>(UNSIGNED, [signed, asOf]);
    const late = unsigned.filter((entry) => entry.late);
    findings.push(...late.map(({ id }) => `entry ${id} is under no checkpoint`));
    const more = findings.length - MAX_ENTRIES;
    if (more > 0) findings.splice(MAX_ENTRIES, more, `${more} more`);
    return { findings, signed, unsigned: unsigned.length - late.length };
  });
}

async function compareLeaves(tx: EntityManager, checkpoints: Checkpoint[], signed: number, findings: string[]) {
  const roots = new Map<number, Buffer[]>();
  for (const { size, root } of checkpoints) roots.set(size, [...(roots.get(size) ?? []), root]);
  const tree = await TileTree.load(0, async () => null);
  const compareRoot = () => {
    for (const root of roots.get(tree.size) ?? [])
      if (!root.equals(tree.root())) findings.push(`the first ${tree.size} leaves are not those of the checkpoint`);
  };
  compareRoot();
  for await (const { leaf_index, entry_id, leaf, actor_valid, target_valid } of read(tx, signed)) {
    if (Number(leaf_index) !== tree.size) return findings.push(`leaf ${tree.size} is missing or there twice`);
    if (leaf === null) return findings.push(`entry ${entry_id} (leaf ${leaf_index}) is missing`);
    if (!actor_valid) findings.push(`entry ${entry_id}: address or request id were changed`);
    if (!target_valid) findings.push(`entry ${entry_id}: reason or values were changed`);
    tree.append(Buffer.from(leaf));
    compareRoot();
  }
  if (tree.size < signed) findings.push(`a checkpoint has ${signed} leaves, the database ${tree.size}`);
}

async function* read(tx: EntityManager, signed: number): AsyncGenerator<Row> {
  await tx.query(`DECLARE leaves NO SCROLL CURSOR FOR ${LEAVES}`, [signed]);
  for (let rows: Row[] = []; ;) {
    rows = await tx.query(`FETCH ${PAGE_ROWS} FROM leaves`);
    yield* rows;
    if (rows.length < PAGE_ROWS) break;
  }
}
