import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { install, pathOf, run } from '../../scripts/services/tools.js';
import { TestApp } from '../support/app.js';
import { describeUnless, workerDatabase } from '../support/environment.js';
import { OwnPostgres } from '../support/postgres-server.js';
import { runScript } from '../support/scripts.js';

// The steps of docs/operations.md, "Backup and restore".
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-backup-'));
const dump = path.join(folder, 'users.dump');
const PROFILE = { phone: '+33612345678', bio: 'Kept through a restore' };
let service: TestApp;
let server: OwnPostgres;
let restored: TestApp | undefined;

const as = (role: string) =>
  Object.assign(new URL(server.url), { username: role, password: 'secret', pathname: '/meetinity' }).href;

beforeAll(async () => {
  if (!pathOf('pg_dump') && process.env.CI === 'true')
    await install({ apt: ['postgresql-client'], apk: ['postgresql15-client'], dnf: ['postgresql'] }, (line) =>
      process.stderr.write(`${line}\n`),
    );
  [service, server] = await Promise.all([TestApp.start(), OwnPostgres.start()]);
}, 60_000);
afterAll(async () => {
  await restored?.stop();
  await service.stopAndDrop();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const obstacle = pathOf('pg_dump') || process.env.CI === 'true' ? null : 'no pg_dump on the PATH';

describeUnless(obstacle, 'a backup', () => {
  it('signs in after a restore into an empty server, and reads personal fields with the same keys', async () => {
    const member = await service.member();
    expect((await service.put('/users/profile', PROFILE, member.access)).status).toBe(200);
    await run('pg_dump', ['--format=custom', `--file=${dump}`, await workerDatabase()]);

    await server.admin(
      `CREATE ROLE meetinity_owner LOGIN CREATEROLE PASSWORD 'secret'`,
      'ALTER DATABASE meetinity OWNER TO meetinity_owner',
    );
    const owner = as('meetinity_owner');
    await run('pg_restore', ['--no-owner', '--no-privileges', '--exit-on-error', `--dbname=${owner}`, dump]);
    const variables = { DATABASE_URL: as('meetinity_service'), DATABASE_OWNER_URL: owner };
    expect(await runScript('migrate', ['run'], { variables })).toMatchObject({ code: 0 });

    const runtime = { DATABASE_URL: variables.DATABASE_URL, MIGRATE_ON_START: 'false' };
    restored = await TestApp.start(runtime);
    const { email, password, refresh } = member;
    const signedIn = await restored.post('/auth/login', { email, password });
    expect(signedIn.status).toBe(200);
    expect((await restored.get('/users/profile', signedIn.body.access_token)).body).toMatchObject(PROFILE);
    // Sessions are part of the dump, and their tokens are derived from the keys.
    expect((await restored.post('/auth/refresh', { refresh_token: refresh })).status).toBe(200);
    await restored.stop();

    const otherKeys = { ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 'another key').toString('base64')}` };
    restored = await TestApp.start({ ...runtime, ...otherKeys });
    const { body } = await restored.post('/auth/login', { email, password });
    expect((await restored.get('/users/profile', body.access_token)).body).toMatchObject({
      ...PROFILE,
      phone: null,
    });
  }, 60_000);
});
