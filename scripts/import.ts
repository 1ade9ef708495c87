import { createWriteStream, existsSync, openSync, readSync, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import type { ImportWriter, Outcome } from './import/write.js';
import type { SourceRow } from './import/source.js';
import { flag, readArguments, required, textOption, type Values, withDefault } from './lib/arguments.js';
import { UsageError } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase, type ScriptDatabase } from './lib/database.js';

const COMMAND = {
  call: 'npm run import --',
  does:
    'imports the users of the old Flask service, or of a file with foreign password hashes\n' +
    '  It can be killed and run again: what is there already stays as it is. Never sessions, tokens or roles.',
  options: {
    from: required(textOption('SOURCE', 'SQLite file, URL of PostgreSQL, .csv or .jsonl file')),
    source: withDefault(
      textOption('NAME', 'tells the ids of several sources apart', (name) => /^[\w.-]{1,64}$/.test(name)),
      'meetinity',
    ),
    'dry-run': flag('reports what would happen and writes nothing'),
    map: textOption('FILE', 'CSV of every old id with its UUID'),
    report: textOption('FILE', 'CSV of the rows that were refused, skipped or changed; default: standard output'),
  },
};

const BATCH_ROWS = 500;
const PROGRESS_MS = 10_000;

async function* readSource(from: string): AsyncGenerator<SourceRow> {
  const { readCsv, readJsonLines } = await import('./import/files.js');
  const { readPostgres, readSqlite } = await import('./import/databases.js');
  if (/^postgres(ql)?(\+\w+)?:\/\//.test(from)) return yield* readPostgres(from);
  // Without the value, which may hold a password.
  if (/^[\w+]+:\/\//.test(from))
    throw new UsageError('--from must be a file, or a URL that starts with postgresql:// or postgres://');
  if (!existsSync(from)) throw new UsageError(`--from: there is no file ${from}`);
  if (/\.csv$/i.test(from)) return yield* readCsv(from);
  if (/\.(jsonl|ndjson)$/i.test(from)) return yield* readJsonLines(from);
  const head = Buffer.alloc(15);
  readSync(openSync(from, 'r'), head);
  if (head.toString() !== 'SQLite format 3') throw new UsageError(`--from: ${from} is no SQLite, .csv or .jsonl file`);
  yield* readSqlite(from);
}

/** A CSV file, or standard output, with a header. */
async function openCsv(file: string | undefined, header: string[]) {
  const { csvLine } = await import('./import/csv.js');
  const stream: WriteStream | NodeJS.WriteStream = file === undefined ? process.stdout : createWriteStream(file);
  const add = (values: unknown[]) => stream.write(csvLine(values));
  if (file !== undefined) await once(stream, 'open');
  add(header);
  return { add, close: async () => file !== undefined && once(stream.end(), 'close') };
}

async function createWriter({ dataSource, settings }: ScriptDatabase, source: string, dryRun: boolean) {
  const { pendingMigrations, prepareDatabase } = await import('../src/database/migrator.js');
  const { FieldCipher } = await import('../src/crypto/field-cipher.js');
  const { ImportWriter: Writer } = await import('./import/write.js');
  if (settings.migrateOnStart && !dryRun) await prepareDatabase(dataSource, settings, console.error);
  if ((await pendingMigrations(dataSource)).length > 0)
    throw new Error('the database is not up to date: npm run migration:run');
  return new Writer(dataSource, new FieldCipher(settings.encryptionKeys), source, dryRun);
}

/** Reads, converts and writes batch by batch. */
async function importRows(
  rows: AsyncIterable<SourceRow>,
  writer: ImportWriter,
  convertRow: (row: SourceRow) => Parameters<ImportWriter['write']>[0][number],
  onOutcomes: (outcomes: Outcome[]) => void,
): Promise<void> {
  let batch: Parameters<ImportWriter['write']>[0] = [];
  for await (const row of rows) {
    batch.push(convertRow(row));
    if (batch.length < BATCH_ROWS) continue;
    onOutcomes(await writer.write(batch));
    batch = [];
  }
  onOutcomes(await writer.write(batch));
}

async function run(database: ScriptDatabase, given: Values<typeof COMMAND.options>): Promise<void> {
  const writer = await createWriter(database, given.source, given['dry-run']);
  const { convert } = await import('./import/convert.js');
  const { IMPORT_LOCK_KEY } = await import('../src/database/advisory-locks.js');
  const { KeyRing } = await import('../src/crypto/key-ring.js');
  const { hmacSha256 } = await import('../src/crypto/tokens.js');
  const keyRing = new KeyRing(database.settings);
  const idsOf = (email: string) =>
    keyRing.keys('import').map((key) => `mac:${hmacSha256(key, email).toString('base64url')}`);
  const report = await openCsv(given.report, ['row', 'legacy_id', 'state', 'reason']);
  const map = given.map === undefined ? null : await openCsv(given.map, ['legacy_id', 'user_id', 'state']);
  const counts = { imported: 0, unchanged: 0, erased: 0, refused: 0 };
  let [rows, changed, shown] = [0, 0, performance.now()];
  const started = shown;
  const runner = database.dataSource.createQueryRunner();
  const [{ locked }] = (await runner.query('SELECT pg_try_advisory_lock($1) AS locked', [IMPORT_LOCK_KEY])) as [
    { locked: boolean },
  ];
  if (!locked) throw new Error('another import is running');
  await importRows(
    readSource(given.from),
    writer,
    (row) => convert(row, { source: given.source, idsOf }),
    (outcomes) => {
      for (const { number, legacyId, userId, state, reason } of outcomes) {
        counts[state] += 1;
        if (state === 'imported' && reason !== '') changed += 1;
        if (reason !== '') report.add([number, legacyId, state, reason]);
        if (userId !== null) map?.add([legacyId, userId, state]);
      }
      rows += outcomes.length;
      if (performance.now() - shown < PROGRESS_MS) return;
      shown = performance.now();
      console.error(`${rows.toLocaleString('en')} rows`);
    },
  );
  await Promise.all([report.close(), map?.close()]);
  // The server ends a session a moment after the process, and the next import may be there by then.
  await runner.query('SELECT pg_advisory_unlock($1)', [IMPORT_LOCK_KEY]);
  await runner.release();
  const rate = Math.round((rows / Math.max(performance.now() - started, 1)) * 1000);
  console.error(
    `${given['dry-run'] ? 'dry run: ' : ''}${rows} rows: ${counts.imported} imported (${changed} with changes), ` +
      `${counts.unchanged} unchanged, ${counts.erased} erased, ${counts.refused} refused; ${rate} rows/s`,
  );
}

await runCommand('import', async () => {
  const given = readArguments(COMMAND);
  const database = await openDatabase();
  try {
    await run(database, given);
  } finally {
    await database.close();
  }
});
