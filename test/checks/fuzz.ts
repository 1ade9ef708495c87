// Sends requests that Schemathesis (https://schemathesis.io, `pip install schemathesis`) generates from the OpenAPI document to the
// service in production mode. Exit code 1 for a 5xx, a status that is not documented, or an answer that breaks its schema.
import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { numberOption, withDefault } from '../../scripts/lib/arguments.js';
import { prepareBench } from '../../bench/lib/arguments.js';
import { createMembers } from '../../bench/lib/members.js';
import { createStage } from '../../bench/lib/stage.js';

/** Some requests revoke their session, so each one uses a new session. */
const SESSION_ROWS = 20_000;
const CHECKS = `not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance`;

const values = prepareBench({
  call: 'npm run fuzz --',
  does: 'sends requests that Schemathesis generates from the OpenAPI document to the service in production mode',
  options: {
    'max-examples': withDefault(numberOption('cases of each operation', 1, 1_000_000), 100),
    seed: numberOption('seed of the cases', 0, 2 ** 32),
  },
});

const stage = await createStage((line) => console.error(line));
const folder = mkdtempSync(join(tmpdir(), 'meetinity-fuzz-'));
try {
  const members = await createMembers(stage.settings, SESSION_ROWS, 'fuzz');
  const client = new Client({ connectionString: stage.settings.database.url! });
  await client.connect();
  await client.query(`UPDATE users SET role = 'admin'`);
  await client.end();
  const tokens = join(folder, 'tokens');
  writeFileSync(tokens, members.map(({ access }) => access).join('\n'), { mode: 0o600 });
  const service = await stage.service({ values: { BCRYPT_COST: '10', DOCS_ENABLED: 'true' } });
  const args = ['run', `${service.url}/docs-json`, '--url', service.url, '--checks', CHECKS];
  args.push('--max-examples', String(values['max-examples']));
  if (values.seed !== undefined) args.push('--seed', String(values.seed));
  const run = spawn('schemathesis', args, {
    stdio: 'inherit',
    // It writes files to the working folder.
    cwd: folder,
    env: {
      ...process.env,
      SCHEMATHESIS_HOOKS: 'sessions',
      PYTHONPATH: resolve('test/checks/fuzz'),
      FUZZ_TOKENS: tokens,
    },
  });
  [process.exitCode] = (await once(run, 'exit')) as [number];
} finally {
  await stage.stop();
  rmSync(folder, { recursive: true, force: true });
}
