import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newAvatarName } from '../../src/users/avatars/avatar-storage.js';
import { TestApp } from '../support/app.js';
import { runScript } from '../support/scripts.js';

const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
/** Milliseconds that a request may take for a statement. */
const LIMIT_MS = 200;
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
  // The owner of the server may have set a limit of their own.
  const [{ name }] = (await service.sql('SELECT current_database() AS name')) as [{ name: string }];
  await service.sql(`ALTER DATABASE ${name} SET statement_timeout = ${LIMIT_MS}`);
  const file = path.join(folder, newAvatarName());
  writeFileSync(file, '');
  const old = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(file, old, old);
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(folder, { recursive: true });
});

describe('a statement of a script', () => {
  it.each([['keys-reencrypt'], ['avatars-clean']])(
    'may take longer than one of a request: %s',
    async (name) => {
      const variables = { UPLOAD_FOLDER: folder, DATABASE_STATEMENT_TIMEOUT_MS: String(LIMIT_MS) };
      const { ran } = await service.database.transaction(async (tx) => {
        await tx.query('LOCK TABLE users');
        const script = runScript(name, [], { variables });
        await service.blocked();
        await sleep(3 * LIMIT_MS);
        return { ran: script };
      });
      expect(await ran).toMatchObject({ code: 0 });
    },
    60_000,
  );
});
