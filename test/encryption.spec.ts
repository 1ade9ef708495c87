import { FieldCipher } from '../src/crypto/field-cipher.js';
import { reencrypt } from '../src/crypto/reencryption.js';
import { encryptedColumns } from '../src/encrypted-columns.js';
import { Member, TestApp } from './support/app.js';
import { addTotp, signInByTotp } from './support/factors.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { runHosted } from './support/scripts.js';
import { until } from './support/until.js';

const key = (kid: string) => `${kid}:${Buffer.alloc(32, `spec key ${kid}`).toString('base64')}`;
const PERSONAL = { phone: '+14155552671', date_of_birth: '1990-05-17' };
let before: TestApp;
let after: TestApp;

beforeAll(async () => {
  before = await TestApp.start({ ENCRYPTION_KEYS: key('old') });
  after = await TestApp.start({ ENCRYPTION_KEYS: `${key('new')},${key('old')}` });
});
afterAll(async () => {
  await after.stop();
  await before.stopAndDrop();
});

const cipher = () => new FieldCipher(after.settings.encryptionKeys);
const stored = async ({ id }: Member) =>
  (await before.sql('SELECT phone, date_of_birth, updated_at FROM users WHERE id = $1', [id]))[0]!;

async function people(count: number): Promise<Member[]> {
  const members = await Promise.all(Array.from({ length: count }, () => before.member()));
  await Promise.all(members.map(({ access }) => before.put('/users/profile', PERSONAL, access)));
  return members;
}

describe('keys:reencrypt', () => {
  it('moves the secrets of authenticator apps, whose codes still work', async () => {
    const member = await addTotp(before, await before.member());
    expect((await reencrypt(before.database, cipher(), encryptedColumns, () => undefined)).moved).toBeGreaterThan(0);
    const [row] = await before.sql('SELECT secret FROM mfa_factors WHERE id = $1', [member.factor]);
    expect(row.secret).toMatch(/^new\./);
    expect((await signInByTotp(after, member)).status).toBe(200);
  });

  it('re-encrypts every value without a visible change, and nothing on a second run', async () => {
    const members = await people(5);
    // Mail that waits is encrypted too.
    await until(async () => (await before.sql('SELECT FROM mail_queue')).length === 0);
    const rows = await Promise.all(members.map(stored));
    expect(await reencrypt(before.database, cipher(), encryptedColumns, () => undefined)).toMatchObject({
      moved: 10,
      unreadable: 0,
    });
    for (const [index, member] of members.entries()) {
      const row = await stored(member);
      expect([row.phone, row.date_of_birth].every((value) => value.startsWith('new.'))).toBe(true);
      expect(row.updated_at).toEqual(rows[index]!.updated_at);
      expect((await after.get('/users/profile', member.access)).body).toMatchObject(PERSONAL);
    }
    expect(await reencrypt(before.database, cipher(), encryptedColumns, () => undefined)).toMatchObject({
      moved: 0,
      unreadable: 0,
    });
  });

  it('keeps the value that the user writes during the run', async () => {
    const [member] = await people(1);
    const racing = cipher();
    const encrypt = racing.encrypt.bind(racing);
    let written: Promise<unknown> | undefined;
    racing.encrypt = (id, field, clear) => {
      written ??= after.put('/users/profile', { phone: '+41446681800' }, member!.access);
      return encrypt(id, field, clear);
    };
    // The user's change is committed after the row was read and before it is rewritten.
    const query = before.database.query.bind(before.database);
    jest.spyOn(before.database, 'query').mockImplementation(async (...parameters) => {
      if (String(parameters[0]).startsWith('UPDATE')) await written;
      return query(...parameters);
    });
    await reencrypt(before.database, racing, encryptedColumns, () => undefined);
    jest.restoreAllMocks();
    expect((await after.get('/users/profile', member!.access)).body.phone).toBe('+41446681800');
    expect((await stored(member!)).phone).toMatch(/^new\./);
  });

  it('resumes after an interrupted run', async () => {
    const members = await people(3);
    const killed = cipher();
    let calls = 0;
    const encrypt = killed.encrypt.bind(killed);
    killed.encrypt = (...parameters) => {
      if ((calls += 1) > 4) throw new Error('killed');
      return encrypt(...parameters);
    };
    await expect(reencrypt(before.database, killed, encryptedColumns, () => undefined)).rejects.toThrow('killed');
    await reencrypt(before.database, cipher(), encryptedColumns, () => undefined);
    for (const member of members) expect((await stored(member)).phone).toMatch(/^new\./);
  });

  it('keeps a value that was moved from another row, which the profile shows as null with an alarm', async () => {
    const [one, two] = await people(2);
    await before.sql('UPDATE users SET phone = $2 WHERE id = $1', [two!.id, (await stored(one!)).phone]);
    const alarms = async () =>
      Number(
        /field_decryption_failures_total\{field="phone"\} (\d+)/.exec((await after.get('/metrics')).text)?.[1] ?? 0,
      );
    const silent = await alarms();
    expect((await after.get('/users/profile', two!.access)).body).toMatchObject({ ...PERSONAL, phone: null });
    expect(await alarms()).toBeGreaterThan(silent);
    expect(await reencrypt(before.database, cipher(), encryptedColumns, () => undefined)).toMatchObject({
      unreadable: 1,
    });
  });
});

describeWith('redis', 'npm run keys:reencrypt, beside a cache', () => {
  const variables = (redis: string) => ({ ENCRYPTION_KEYS: `${key('new')},${key('old')}`, REDIS_URL: redis });

  it('leaves no cached profile under the old key, even after a killed run', async () => {
    const REDIS_URL = await workerRedisUrl();
    const [running, [first, second]] = [
      await TestApp.start({ ENCRYPTION_KEYS: key('old'), REDIS_URL }),
      await people(2),
    ];
    const cacheHits = async () =>
      Number(/cache_reads_total\{cache="profile",result="hit"\} (\d+)/.exec((await running.get('/metrics')).text)?.[1]);
    const remember = async ({ access }: Member) => {
      const earlier = (await cacheHits()) || 0;
      await until(async () => (await running.get('/users/profile', access)) && (await cacheHits()) > earlier);
    };
    await remember(first!);
    await remember(second!);
    // The first member was re-encrypted by a run that was killed.
    const { phone, date_of_birth } = await stored(first!);
    const values = [cipher().encrypt(first!.id, 'phone', PERSONAL.phone), phone, date_of_birth, first!.id];
    await before.sql('UPDATE users SET phone = $1 WHERE phone = $2 AND date_of_birth = $3 AND id = $4', values);
    const { code, output } = await runHosted('keys-reencrypt', [], { variables: variables(REDIS_URL) });
    expect([code, output]).toEqual([
      expect.any(Number),
      expect.stringMatching(/3 values of \d+ rows moved to key new/),
    ]);
    // The progress line, rewritten in place.
    expect(output).toMatch(/\r\d+ rows, 3 values moved, \d+ unreadable/);
    await running.stop();

    const later = await TestApp.start({ ENCRYPTION_KEYS: key('new'), REDIS_URL });
    for (const { email, password } of [first!, second!]) {
      // Their tokens became invalid with the old key.
      const { access_token: access } = (await later.post('/auth/login', { email, password })).body;
      expect((await later.get('/users/profile', access)).body).toMatchObject(PERSONAL);
    }
    await later.stop();
  }, 60_000);

  it('fails if Redis does not invalidate the cached profiles', async () => {
    const { code, output } = await runHosted('keys-reencrypt', [], { variables: variables('redis://127.0.0.1:1') });
    expect([code, output]).toEqual([
      1,
      expect.stringMatching(/Redis did not invalidate the cached profiles; run this again/),
    ]);
  }, 60_000);
});
