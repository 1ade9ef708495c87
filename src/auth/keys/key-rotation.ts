import { generateKeyPairSync, KeyObject } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { FieldCipher } from '../../crypto/field-cipher.js';
import { toPublicJwk } from '../../crypto/jwk.js';
import { SIGNING_KEYS_LOCK_KEY } from '../../database/advisory-locks.js';
import { deleteExpiredRows } from '../../database/expired-rows.js';
import { runInTransaction } from '../../database/transaction.js';

/** NOTIFY after a change of the table: instances read it again. */
export const SIGNING_KEYS_CHANNEL = 'signing_keys';
/** Name of the encrypted column in its ciphertexts. */
export const PRIVATE_KEY_FIELD = 'signing_keys.private_key';
/** Clocks of instances may differ by this much. */
const MARGIN_SECONDS = 60;

export interface RotationPlan {
  /** Until the new key signs. */
  waitSeconds: number;
  /** Lifetime of access tokens: so long the keys before still verify. */
  accessSeconds: number;
  /** Deletes the keys before at once; clients have to refresh. */
  compromised: boolean;
}

export interface Rotation {
  kid: string;
  signsFrom: Date;
  /** Null where the keys before are deleted. */
  retiresAt: Date | null;
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** Fills the empty table with the configured keys, of which the first signs, or with a new one. */
export async function seedSigningKeys(
  database: DataSource,
  cipher: FieldCipher,
  configured: KeyObject[],
  accessSeconds: number,
): Promise<void> {
  await runInTransaction(database, async (tx) => {
    const { total } = await lockKeys(tx);
    if (total > 0) return;
    const [first = newKey(), ...others] = configured;
    await insert(tx, cipher, first, 0, null);
    for (const [index, key] of others.entries()) await insert(tx, cipher, key, -1 - index, accessSeconds);
    await tx.query(`NOTIFY ${SIGNING_KEYS_CHANNEL}`);
  });
}

/**
 * Adds a key that signs after the wait, when every cache of the JWK Set has it. Instances switch by the stored time, so nothing
 * has to run at that moment.
 * @throws Error without a key to replace, and before an earlier rotation's key signs
 */
export async function rotateSigningKeys(
  database: DataSource,
  { cipher, audit }: { cipher: FieldCipher; audit: AuditService },
  { waitSeconds, accessSeconds, compromised }: RotationPlan,
): Promise<Rotation> {
  return runInTransaction(database, async (tx) => {
    const { total, pending } = await lockKeys(tx);
    if (total === 0) throw new Error('there is no signing key: the first start with JWT_ALGORITHM=ES256 makes one');
    if (compromised) await tx.query('DELETE FROM signing_keys');
    else if (pending)
      throw new Error(`the key of the last rotation signs from ${pending.toISOString()} on: wait until then`);
    const retireSeconds = waitSeconds + accessSeconds + MARGIN_SECONDS;
    const retire = `UPDATE signing_keys SET retires_at = now() + make_interval(secs => $1)
                     WHERE retires_at IS NULL RETURNING retires_at`;
    const [[retired]] = await tx.query<[{ retires_at: Date }[]]>(retire, [retireSeconds]);
    const { kid, signsFrom } = await insert(tx, cipher, newKey(), compromised ? 0 : waitSeconds, null);
    await tx.query(`NOTIFY ${SIGNING_KEYS_CHANNEL}`);
    const after = { kid, signs_from: signsFrom.toISOString(), compromised };
    await audit.record(tx, { action: 'signing_key.rotated', actorId: null, targetId: null, after }, null);
    return { kid, signsFrom, retiresAt: retired?.retires_at ?? null };
  });
}

/** @returns the number of deleted keys */
export function deleteRetiredKeys(tx: EntityManager, maxRows: number): Promise<number> {
  return deleteExpiredRows(tx, { table: 'signing_keys', key: 'kid', column: 'retires_at', before: 'now()' }, maxRows);
}

async function lockKeys(tx: EntityManager): Promise<{ total: number; pending: Date | null }> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [SIGNING_KEYS_LOCK_KEY]);
  const [state] = await tx.query<[{ total: number; pending: Date | null }]>(
    'SELECT count(*)::int AS total, max(signs_from) FILTER (WHERE signs_from > now()) AS pending FROM signing_keys',
  );
  return state;
}

async function insert(
  tx: EntityManager,
  cipher: FieldCipher,
  key: KeyObject,
  waitSeconds: number,
  retireSeconds: number | null,
): Promise<{ kid: string; signsFrom: Date }> {
  const { kid } = toPublicJwk(key);
  const pem = key.export({ format: 'pem', type: 'pkcs8' }) as string;
  const [{ signs_from: signsFrom }] = await tx.query<[{ signs_from: Date }]>(
    `INSERT INTO signing_keys (kid, private_key, signs_from, retires_at)
     VALUES ($1, $2, now() + make_interval(secs => $3), now() + make_interval(secs => $4)) RETURNING signs_from`,
    [kid, cipher.encrypt(kid, PRIVATE_KEY_FIELD, pem), waitSeconds, retireSeconds],
  );
  return { kid, signsFrom };
}
