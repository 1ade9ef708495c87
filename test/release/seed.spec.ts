import type { DataSource } from 'typeorm';
import { FieldCipher } from '../../src/crypto/field-cipher.js';
import { dropWorkerDatabase } from '../support/environment.js';
import { ScratchDatabases, testSettings } from '../support/scratch-database.js';
import { runScript, type ScriptResult } from '../support/scripts.js';

const scratch = new ScratchDatabases();
const key = Buffer.alloc(32, 7).toString('base64');

afterAll(async () => {
  await scratch.drop();
  await dropWorkerDatabase();
});

function seed(url: string, args: string, variables: Record<string, string> = {}) {
  return runScript('seed', args.split(' '), {
    variables: { DATABASE_URL: url, ENCRYPTION_KEYS: `test:${key}`, ...variables },
  });
}

/** Everything but what is random by design: hash, ciphertexts. */
function people(dataSource: DataSource): Promise<unknown[]> {
  return dataSource.query(
    `SELECT u.id, email, name, company, oauth_id, phone IS NULL AS no_phone, u.created_at, interests, refresh_token
     FROM users u JOIN user_preferences p ON p.user_id = u.id LEFT JOIN user_sessions s ON s.user_id = u.id ORDER BY u.id`,
  );
}

describe('npm run seed', () => {
  let url: string;
  let dataSource: DataSource;
  let first: ScriptResult;

  beforeAll(async () => {
    url = await scratch.create();
    first = await seed(url, '--users 300');
    dataSource = await scratch.connect(url);
  }, 30_000);

  it('fills an empty database, writes no event and says so', async () => {
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('No events were written') });
    expect(await people(dataSource)).toHaveLength(300);
    expect(await dataSource.query('SELECT count(*)::int FROM outbox_events')).toEqual([{ count: 0 }]);
    const identities = `SELECT count(*)::int FROM users u LEFT JOIN user_identities i ON i.user_id = u.id
      WHERE (u.oauth_provider, u.oauth_id) IS DISTINCT FROM (i.provider, i.provider_user_id)`;
    expect(await dataSource.query(identities)).toEqual([{ count: 0 }]);
    expect(await seed(url, '--users 300')).toMatchObject({ code: 0, output: expect.stringContaining('nothing to do') });
  });

  it('encrypts the same fields as the service', async () => {
    const cipher = new FieldCipher(testSettings(url).encryptionKeys);
    const rows = await dataSource.query<{ id: string; phone: string }[]>(
      'SELECT id, phone FROM users WHERE phone IS NOT NULL',
    );
    expect(rows.length).toBeGreaterThan(50);
    for (const { id, phone } of rows) expect(cipher.decrypt(id, 'phone', phone)).toMatch(/^\+\d{8,15}$/);
  });

  it('makes the same users in two steps as in one', async () => {
    const other = await scratch.create();
    expect(await seed(other, '--users 120')).toMatchObject({ code: 0 });
    expect((await seed(other, '--users 300')).output).toContain('has 120 users already: going on from there');
    expect(await people(await scratch.connect(other))).toEqual(await people(dataSource));
  });

  it('adds to a database with foreign users only with --yes', async () => {
    expect(await seed(url, '--users 10 --seed 2')).toMatchObject({
      code: 2,
      output: expect.stringContaining('--yes'),
    });
    expect(await seed(url, '--users 10 --seed 2 --yes')).toMatchObject({ code: 0 });
    expect(await people(dataSource)).toHaveLength(310);
  });

  it('refuses production without SEED_PRODUCTION=yes', async () => {
    const production = {
      NODE_ENV: 'production',
      PUBLIC_BASE_URL: 'https://api.example',
      ENCRYPTION_KEYS: 'p:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
      BCRYPT_COST: '10',
    };
    expect((await seed(url, '--users 400 --yes', production)).output).toContain('SEED_PRODUCTION=yes');
  });

  it('prints the usage for an invalid number', async () => {
    expect(await seed(url, '--users 0')).toMatchObject({ code: 2, output: expect.stringContaining('usage:') });
  });
});
