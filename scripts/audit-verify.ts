import { CheckpointSigner } from '../src/audit/witness/checkpoint-signer.js';
import { loadSettings } from '../src/config/load.js';
import { readCheckpoints } from './audit/checkpoints.js';
import { verifyAudit } from './audit/verification.js';
import { type Option, readArguments, required, textOption, timeOption, UsageError } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase } from './lib/database.js';

const places: Option<string[]> = {
  value: 'FILE|FOLDER',
  help: 'where the checkpoints are: the folder of the witness, or a file of signed notes; all that are named are compared',
  repeats: true,
  read: (given) => given,
};

const COMMAND = {
  call: 'npm run audit:verify --',
  does: 'compares the audit of the database, or of a dump restored, with signed checkpoints; exit code 1 where they differ',
  options: {
    checkpoints: required(places),
    key: textOption('KEY', 'the public key of the witness, name+id+key; default that of AUDIT_WITNESS_KEY'),
    'as-of': timeOption('when the dump was made; default now'),
  },
};

function configuredKey(): string {
  const { witness } = loadSettings();
  if (!witness) throw new UsageError('--key is missing, and AUDIT_WITNESS_KEY is not set');
  return new CheckpointSigner(witness.name, witness.key).verifierKey;
}

await runCommand('audit:verify', async () => {
  const { checkpoints: where, key = configuredKey(), 'as-of': asOf } = readArguments(COMMAND);
  const checkpoints = where.flatMap((place) => readCheckpoints(place, key));
  const { dataSource, close } = await openDatabase();
  try {
    const { findings, signed, unsigned } = await verifyAudit(dataSource, checkpoints, asOf ?? null);
    for (const finding of findings) console.log(finding);
    const outcome = findings.length > 0 ? 'the audit is not what was signed' : 'the audit is what was signed';
    console.log(`${outcome}: ${signed} entries, ${checkpoints.length} checkpoints, ${unsigned} entries not signed yet`);
    return findings.length > 0 ? 1 : 0;
  } finally {
    await close();
  }
});
process.exit();
