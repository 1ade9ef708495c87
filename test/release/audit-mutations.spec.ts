import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { Random } from '../../scripts/seed/random.js';
import { AuditMutator, MUTATIONS } from '../support/audit-mutations.js';
import { auditVerifierMissing } from '../support/audit-verifier.js';
import { describeUnless } from '../support/environment.js';
import { ScratchDatabases } from '../support/scratch-database.js';
import { createWitnessedAudit, verifyTwice, WitnessedAudit } from '../support/witnessed-audit.js';

describeUnless(auditVerifierMissing(), 'a signed audit', () => {
  const scratch = new ScratchDatabases();
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-mutations-'));
  let url: string;
  let client: Client;
  let database: DataSource;
  let audit: WitnessedAudit;
  let mutator: AuditMutator;

  beforeAll(async () => {
    url = await scratch.create();
    database = await scratch.connect(url);
    await database.runMigrations({ transaction: 'each' });
    client = new Client({ connectionString: url });
    await client.connect();
    audit = await createWitnessedAudit(url, folder);
    mutator = await AuditMutator.open(client, audit);
  }, 60_000);
  afterAll(async () => {
    await client.end();
    await scratch.drop();
    rmSync(folder, { recursive: true });
  });

  it('is accepted by both verifiers, with an erased person in it', async () => {
    expect(await verifyTwice(database, url, audit)).toEqual([true, true]);
  });

  it.each(MUTATIONS)(
    'is refused by both verifiers once it was %s',
    async (mutation) => {
      const random = new Random(mutation);
      for (let n = 0; n < 9; n += 1) {
        await mutator.mutate(mutation, (limit) => random.int(0, limit - 1));
        expect([n, ...(await verifyTwice(database, url, audit))]).toEqual([n, false, false]);
        await mutator.restore();
      }
    },
    60_000,
  );
});
