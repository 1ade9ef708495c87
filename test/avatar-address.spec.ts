import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrations } from '../migrations/index.js';
import { migrate, revertLast } from '../src/database/migrator.js';
import { newAvatarName } from '../src/users/avatars/avatar-storage.js';
import { Member, TestApp } from './support/app.js';
import { form, FORM, picture } from './support/images.js';
import { ScratchDatabases } from './support/scratch-database.js';

const BEFORE = 'http://localhost:8081';
const AFTER = 'https://api.example/base';
const FOREIGN = 'https://pictures.example/uploads/me.png';
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
const scratch = new ScratchDatabases();
let before: TestApp;
let after: TestApp;

beforeAll(async () => {
  // Both cache profiles, as a single instance does.
  before = await TestApp.start({ UPLOAD_FOLDER: folder, PUBLIC_BASE_URL: BEFORE }, true);
  after = await TestApp.start({ UPLOAD_FOLDER: folder, PUBLIC_BASE_URL: AFTER }, true);
});
afterAll(async () => {
  await before.stop();
  await after.stopAndDrop();
  await scratch.drop();
  rmSync(folder, { recursive: true });
});

async function upload({ access }: Member): Promise<string> {
  const payload = form({ filename: 'a.png', content: await picture('png') });
  const { body } = await before.request('POST', '/users/profile/avatar', { payload, headers: FORM, token: access });
  return body.profile_picture_url;
}

const storedOf = async ({ id }: Member) =>
  (await after.sql('SELECT profile_picture_url FROM users WHERE id = $1', [id]))[0]!.profile_picture_url;

/** Each answer that shows the member's picture. */
async function shown(service: TestApp, member: Member): Promise<unknown[]> {
  const admin = await service.memberWithRole('admin');
  const read = async (url: string, token: string) => (await service.get(url, token)).body;
  const login = await service.post('/auth/login', { email: member.email, password: member.password });
  return [
    await read('/users/profile', member.access),
    await read('/users/profile', member.access),
    await read('/auth/profile', member.access),
    (await service.put('/users/profile', { bio: randomUUID() }, member.access)).body,
    await read('/users/profile', member.access),
    login.body.user,
    await read(`/users/${member.id}`, admin.access),
    (await read('/users/profile/export', member.access)).profile,
    (await read(`/admin/users?search=${encodeURIComponent(member.email)}`, admin.access)).users[0],
    await read(`/admin/users/${member.id}`, admin.access),
  ].map((body) => body.profile_picture_url);
}

describe('the URL of a picture', () => {
  it('is built from the stored name and the base URL for each answer', async () => {
    const member = await before.member();
    const url = await upload(member);
    const name = await storedOf(member);
    expect([name, url]).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.webp$/), `${BEFORE}/uploads/${name}`]);
    for (const [service, base] of [
      [before, BEFORE],
      [after, AFTER],
    ] as const) {
      const expected = `${base}/uploads/${name}`;
      expect(await shown(service, member)).toEqual(Array(10).fill(expected));
    }
    const removed = await after.delete('/users/profile/avatar', member.access);
    expect([removed.body.profile_picture_url, readdirSync(folder)]).toEqual([null, []]);
  });

  it('of a provider is unchanged', async () => {
    const member = await before.member();
    await before.sql('UPDATE users SET profile_picture_url = $2 WHERE id = $1', [member.id, FOREIGN]);
    expect(await shown(after, member)).toEqual(Array(10).fill(FOREIGN));
  });
});

describe('the migration of stored addresses', () => {
  it('stores the names of our own pictures and keeps other URLs', async () => {
    const database = await scratch.connect(await scratch.create());
    await migrate(database);
    const position = migrations.findIndex(({ name }) => name.startsWith('AvatarNames'));
    const revert = async () => {
      for (let left = migrations.length; left > position; left -= 1) await revertLast(database);
    };
    await revert();
    const names = Array.from({ length: 6 }, newAvatarName);
    const rows: [email: string, url: string | null, action: string, after: object | null, expected: string | null][] = [
      ['local', `${BEFORE}/uploads/${names[0]}`, 'avatar.replaced', null, names[0]!],
      ['earlier', `https://old.example/api/uploads/${names[1]}`, 'user.registered', null, names[1]!],
      ['uploaded', `${AFTER}/uploads/${names[2]}`, 'avatar.replaced', null, names[2]!],
      // A user may choose any picture at the provider: this one would remove another member's file.
      ['forged', `https://evil.example/uploads/${names[0]}`, 'user.registered', { provider: 'google' }, null],
      ['foreign', FOREIGN, 'user.registered', { provider: 'linkedin' }, null],
      ['query', `${BEFORE}/x?/uploads/${names[3]}`, 'user.registered', null, null],
      ['none', null, 'user.registered', null, null],
    ];
    for (const [email, url, action, details] of rows)
      await database.query(
        `WITH u AS (INSERT INTO users (email, name, profile_picture_url) VALUES ($1, 'Ada', $2) RETURNING id)
         INSERT INTO audit_logs (target_id, action, after) SELECT id, $3, $4 FROM u`,
        [`${email}@example.com`, url, action, details],
      );
    const all = async () => {
      const found = await database.query<{ email: string; profile_picture_url: string | null }[]>(
        'SELECT email, profile_picture_url FROM users',
      );
      return new Map(found.map((row) => [row.email.split('@')[0]!, row.profile_picture_url]));
    };
    const expected = new Map(rows.map(([email, url, , , name]) => [email, name ?? url]));
    await migrate(database);
    expect(await all()).toEqual(expected);
    await revert();
    expect((await all()).get('local')).toBe(`/uploads/${names[0]}`);
    await migrate(database);
    expect(await all()).toEqual(expected);
  });
});
