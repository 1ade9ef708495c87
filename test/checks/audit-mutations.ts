import 'reflect-metadata';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { numberOption, readArguments, textOption, withDefault } from '../../scripts/lib/arguments.js';
import { runCommand } from '../../scripts/lib/command.js';
import { Random } from '../../scripts/seed/random.js';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import { AuditMutator, Mutation, MUTATIONS } from '../support/audit-mutations.js';
import { auditVerifierMissing } from '../support/audit-verifier.js';
import { createWitnessedAudit, verifyTwice } from '../support/witnessed-audit.js';

const COMMAND = {
  call: 'npm run check:audit-mutations --',
  does: 'changes a signed audit in many ways, and counts what audit:verify and the independent verifier find',
  options: {
    mutations: withDefault(numberOption('how many', 1, 100_000), 1000),
    seed: withDefault(textOption('TEXT', 'the same text draws the same mutations'), 'audit'),
  },
};

async function measure(mutations: number, seed: string): Promise<boolean> {
  const missing = auditVerifierMissing();
  if (missing) throw new Error(missing);
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-mutations-'));
  chmodSync(folder, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), log: console.error });
  const database = new DataSource({ type: 'postgres', url: postgres.url, migrations, poolSize: 2 });
  const client = new Client({ connectionString: postgres.url });
  const counts = new Map<Mutation, number[]>(MUTATIONS.map((mutation) => [mutation, [0, 0, 0]]));
  try {
    await database.initialize();
    await database.runMigrations({ transaction: 'each' });
    await client.connect();
    const audit = await createWitnessedAudit(postgres.url, path.join(folder, 'witness'));
    console.error(`${audit.entries} entries under ${audit.notes.length} checkpoints`);
    const mutator = await AuditMutator.open(client, audit);
    const random = new Random(seed);
    for (let n = 0; n <= mutations; n += 1) {
      const verdicts = await verifyTwice(database, postgres.url, audit);
      if (n === 0 && verdicts.includes(false))
        throw new Error(`a verifier finds something where nothing was changed: ${verdicts.join()}`);
      if (n > 0) {
        const count = counts.get(MUTATIONS[(n - 1) % MUTATIONS.length]!)!;
        [1, Number(!verdicts[0]), Number(!verdicts[1])].forEach((found, column) => (count[column]! += found));
        if (verdicts.includes(true)) console.error(`mutation ${n} was not found: ${verdicts.join()}`);
        await mutator.restore();
      }
      if (n < mutations) await mutator.mutate(MUTATIONS[n % MUTATIONS.length]!, (limit) => random.int(0, limit - 1));
    }
  } finally {
    await client.end();
    if (database.isInitialized) await database.destroy();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const total = [0, 1, 2].map((column) => [...counts.values()].reduce((sum, count) => sum + count[column]!, 0));
  const rows = [...counts.entries(), ['all', total] as const];
  console.log('| mutation | tried | found by audit:verify | found by the Go verifier |\n| --- | --- | --- | --- |');
  for (const [name, count] of rows) console.log(`| ${name} | ${count.join(' | ')} |`);
  return total[1] === mutations && total[2] === mutations;
}

await runCommand('check:audit-mutations', async () => {
  const { mutations, seed } = readArguments(COMMAND);
  return (await measure(mutations, seed)) ? 0 : 1;
});
process.exit();
