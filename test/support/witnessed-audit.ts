import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { readCheckpoints } from '../../scripts/audit/checkpoints.js';
import { verifyAudit } from '../../scripts/audit/verification.js';
import { AuditWitness } from '../../src/audit/witness/audit-witness.js';
import { CheckpointSigner } from '../../src/audit/witness/checkpoint-signer.js';
import { createLogger } from '../../src/common/logging/logger.js';
import { runAuditVerifier } from './audit-verifier.js';
import { until } from './until.js';

export const LOG_NAME = 'example.com/audit';
const KEY = Buffer.from(Array.from({ length: 32 }, (_, n) => n));
export const VERIFIER_KEY = new CheckpointSigner(LOG_NAME, KEY).verifierKey;

/** A signed audit in its own database. */
export interface WitnessedAudit {
  /** With the tiles and the last checkpoint. */
  folder: string;
  /** All checkpoints, as Kafka keeps them. */
  notes: string[];
  entries: number;
}

const ROUND_ENTRIES = 60;

/** Entries of persons, administrators and the service itself, one person in six erased, signed round by round. */
export async function createWitnessedAudit(url: string, folder: string): Promise<WitnessedAudit> {
  const [client, session] = [url, url].map((connectionString) => new Client({ connectionString })) as [Client, Client];
  await Promise.all([client.connect(), session.connect()]);
  const notes: string[] = [];
  const witness = new AuditWitness(
    { key: KEY, name: LOG_NAME, folder, s3: null, topic: 'none' },
    createLogger('error', null),
    async (note) => void notes.push(note),
  );
  witness.start({
    query: async (text, values) => (await session.query(text, values)).rows as never[],
    isLeaseValid: true,
  });
  // Number 900 and 901 are erased after three rounds each.
  const person = (n: string) =>
    `('00000000-0000-4000-8000-' || lpad((CASE WHEN (${n}) % 6 = 0 THEN 900 + $1::int / 3 ELSE (${n}) % 11 END)::text, 12, '0'))::uuid`;
  let entries = 0;
  for (const round of [0, 1, 2, 3, 4, 5]) {
    await client.query(
      `INSERT INTO audit_logs (at, actor_id, target_id, action, reason, ip_address, request_id, before, after)
       SELECT now() - interval '1 day' + (random() + n + $1::int) * interval '1 second',
              CASE WHEN n % 7 > 0 THEN ${person('n')} END, CASE WHEN n % 9 > 0 THEN ${person('n * 5 + $1::int')} END,
              'action.' || n % 5, CASE WHEN n % 4 = 0 THEN 'reason ' || n END,
              CASE WHEN n % 7 > 0 THEN '198.51.100.0'::inet + n END, CASE WHEN n % 7 > 0 THEN 'request-' || n END,
              CASE WHEN n % 2 = 0 THEN jsonb_build_object('n', n) END, jsonb_build_object('n', n + 1)
         FROM generate_series(1, ${ROUND_ENTRIES}) AS n`,
      [round],
    );
    entries += ROUND_ENTRIES;
    if (round % 3 === 2) {
      const erased = `00000000-0000-4000-8000-${String(900 + Math.floor(round / 3)).padStart(12, '0')}`;
      await client.query(
        `BEGIN;
         INSERT INTO audit_logs (at, actor_id, target_id, action)
         VALUES (now() - interval '1 day', '${erased}', '${erased}', 'user.deleted');
         DELETE FROM audit_salts WHERE person_id = '${erased}';
         SELECT audit_logs_redact('${erased}', side, 'infinity', 9223372036854775807, 100000)
           FROM unnest('{target,actor}'::text[]) AS side;
         COMMIT`,
      );
      entries += 1;
    }
    await until(() => notes.at(-1)?.split('\n')[1] === String(entries));
  }
  await witness.stop();
  await Promise.all([client.end(), session.end()]);
  writeFileSync(path.join(folder, 'notes'), notes.join('\n'));
  return { folder, notes, entries };
}

/** The results of both verifiers; true for an unchanged audit. */
export async function verifyTwice(database: DataSource, url: string, { folder }: WitnessedAudit): Promise<boolean[]> {
  const [places, asOf] = [[folder, path.join(folder, 'notes')], new Date(Date.now() + 3_600_000)];
  const own = async () => {
    const checkpoints = places.flatMap((place) => readCheckpoints(place, VERIFIER_KEY));
    return (await verifyAudit(database, checkpoints, asOf)).findings.length === 0;
  };
  const args = ['-database', `${url}?sslmode=disable`, '-key', VERIFIER_KEY, '-as-of', asOf.toISOString()];
  const independent = runAuditVerifier([...args, ...places.flatMap((place) => ['-checkpoints', place])]);
  const isForgery = (error: unknown) => {
    if (!/is not signed by/.test(String(error))) throw error;
    return false;
  };
  const { code, stdout } = await independent;
  if (code > 1) throw new Error(stdout);
  return [await own().catch(isForgery), code === 0];
}
