import { mkdirSync, rmdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { findOrphans } from '../../src/users/avatars/avatar-orphans.js';
import { AvatarStorage, newAvatarName } from '../../src/users/avatars/avatar-storage.js';
import { Member, TestApp } from '../support/app.js';
import { form, FORM, picture } from '../support/images.js';
import { S3Server, s3Missing, startS3 } from '../support/s3-server.js';
import { runScript } from '../support/scripts.js';

const BASE = 'https://api.example';
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
const noS3 = s3Missing();
if (noS3) process.stderr.write(`skipped: pictures in a bucket (${noS3})\n`);

let service: TestApp;
let s3: S3Server | undefined;

afterAll(async () => {
  await service.stopAndDrop();
  await s3?.stop();
  rmSync(folder, { recursive: true });
});

const upload = async ({ access }: Member, content?: Buffer, app = service) =>
  app.request('POST', '/users/profile/avatar', {
    payload: form({ filename: 'a.png', content: content ?? (await picture('png')) }),
    headers: FORM,
    token: access,
  });

const served = (url: string) => service.get(url.slice(BASE.length));
const pictureOf = async ({ access }: Member) =>
  (await service.get('/users/profile', access)).body.profile_picture_url as string;

async function stored(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of service.app.get(AvatarStorage).list()) names.push(name);
  return names.sort();
}

const KINDS = noS3 ? (['folder'] as const) : (['folder', 'bucket'] as const);

describe.each(KINDS)('pictures in a %s', (kind) => {
  let variables: Record<string, string>;

  beforeAll(async () => {
    if (kind === 'bucket') s3 = await startS3();
    variables = s3?.variables ?? { UPLOAD_FOLDER: path.join(folder, 'made', 'at', 'need') };
    await service?.stop();
    service = await TestApp.start({ PUBLIC_BASE_URL: BASE, ...variables });
  });

  it('are stored, read, listed and removed', async () => {
    const storage = service.app.get(AvatarStorage);
    const [name, bytes] = [newAvatarName(), Buffer.from('a picture')];
    expect(await stored()).toEqual([]);
    expect(await storage.open(name)).toBeNull();
    await storage.put(name, bytes);
    const opened = (await storage.open(name))!;
    expect([opened.size, await buffer(Readable.from(opened.content))]).toEqual([9, bytes]);
    expect(await stored()).toEqual([name]);
    await storage.remove(name);
    await storage.remove(name);
    expect([await storage.open(name), await stored()]).toEqual([null, []]);
  });

  it('are served publicly, immutably and sandboxed', async () => {
    const { body } = await upload(await service.member());
    const answer = await served(body.profile_picture_url);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.text.slice(0, 4)).toBe('RIFF');
    const head = await service.app.inject({ method: 'HEAD', url: body.profile_picture_url.slice(BASE.length) });
    expect([head.statusCode, head.headers['content-length']]).toEqual([200, answer.headers['content-length']]);
  });

  it('are deleted when they are replaced or removed', async () => {
    const member = await service.member();
    const before = await stored();
    const first = (await upload(member)).body.profile_picture_url;
    const second = (await upload(member, await picture('png', 32))).body.profile_picture_url;
    expect((await served(first)).status).toBe(404);
    expect((await served(second)).status).toBe(200);
    const removed = await service.delete('/users/profile/avatar', member.access);
    expect([removed.status, removed.body.profile_picture_url]).toEqual([200, null]);
    expect((await service.delete('/users/profile/avatar', member.access)).body).toEqual(removed.body);
    expect((await served(second)).status).toBe(404);
    expect(await stored()).toEqual(before);
  });

  it('leave exactly one file of two concurrent uploads to two instances', async () => {
    const other = await TestApp.start({ PUBLIC_BASE_URL: BASE, ...variables });
    const member = await service.member();
    const before = await stored();
    const answers = await Promise.all([upload(member), upload(member, await picture('png', 32), other)]);
    await other.stop();
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const left = (await stored()).filter((name) => !before.includes(name));
    expect(left.map((name) => `${BASE}/uploads/${name}`)).toEqual([await pictureOf(member)]);
  });

  it('without a profile are found after a day', async () => {
    const storage = service.app.get(AvatarStorage);
    const [used, orphan] = [(await upload(await service.member())).body.profile_picture_url, newAvatarName()];
    // The form of an earlier release, still in use.
    await service.sql('UPDATE users SET profile_picture_url = $1 WHERE profile_picture_url = $2', [
      used,
      used.slice(-37),
    ]);
    await storage.put(orphan, Buffer.from('x'));
    const found: string[] = [];
    const collect = async (name: string) => void found.push(name);
    expect((await findOrphans(service.database, storage, collect)).orphans).toBe(0);
    const tomorrow = new Date(Date.now() + 60_000);
    expect(await findOrphans(service.database, storage, collect, tomorrow)).toMatchObject({ orphans: 1 });
    expect(found).toEqual([orphan]);
    await storage.remove(orphan);
  });
});

describe('a picture', () => {
  beforeAll(async () => {
    await service.stop();
    service = await TestApp.start({ PUBLIC_BASE_URL: BASE, UPLOAD_FOLDER: folder });
  });

  const clean = (...args: string[]) => runScript('avatars-clean', args, { variables: { UPLOAD_FOLDER: folder } });

  const files = () => readdirSync(folder).filter((name) => name.includes('webp'));

  it('at a provider, or with a URL that resembles ours, is not removed', async () => {
    const victim = (await upload(await service.member())).body.profile_picture_url.split('/').at(-1);
    for (const url of [
      'https://lh3.example/a/picture=s96-c',
      `https://evil.example/uploads/${victim}`,
      `${BASE}.evil.example/uploads/${victim}`,
      `${BASE}/uploads/../uploads/${victim}`,
    ]) {
      const member = await service.member();
      await service.sql('UPDATE users SET profile_picture_url = $2 WHERE id = $1', [member.id, url]);
      expect((await upload(member)).status).toBe(200);
      expect(files()).toContain(victim);
    }
  });

  it('whose change is rolled back leaves no file', async () => {
    const member = await service.member();
    const url = (await upload(member)).body.profile_picture_url;
    const before = files();
    await service.sql('ALTER TABLE audit_logs RENAME TO moved');
    expect((await upload(member)).status).toBe(500);
    expect((await service.delete('/users/profile/avatar', member.access)).status).toBe(500);
    await service.sql('ALTER TABLE moved RENAME TO audit_logs');
    expect([files(), await pictureOf(member)]).toEqual([before, url]);
  });

  it('without a profile is removed by npm run avatars:clean -- --delete --yes, and only listed without', async () => {
    const used = (await upload(await service.member())).body.profile_picture_url.split('/').at(-1);
    const [orphan, aside, young] = [newAvatarName(), `.${newAvatarName()}.tmp`, newAvatarName()];
    for (const name of [orphan, aside, young, 'notes.txt']) writeFileSync(path.join(folder, name), '');
    const old = new Date(Date.now() - 25 * 3_600_000);
    for (const name of [orphan, aside, used, 'notes.txt']) utimesSync(path.join(folder, name), old, old);
    const before = readdirSync(folder).sort();
    expect(await clean()).toMatchObject({ code: 0, output: expect.stringContaining(`unused ${orphan}`) });
    expect(readdirSync(folder).sort()).toEqual(before);
    expect(await clean('--delete', '--yes')).toMatchObject({ code: 0, output: expect.stringContaining('2 removed') });
    expect(readdirSync(folder).sort()).toEqual(before.filter((name) => name !== orphan && name !== aside));
    expect((await clean('--now')).code).toBe(2);
  });

  it('that cannot be removed does not keep npm run avatars:clean from the others', async () => {
    const names = Array.from({ length: 6 }, newAvatarName);
    const old = new Date(Date.now() - 25 * 3_600_000);
    for (const [index, name] of names.entries()) {
      if (index === 2) mkdirSync(path.join(folder, name));
      else writeFileSync(path.join(folder, name), '');
      utimesSync(path.join(folder, name), old, old);
    }
    expect(await clean('--delete', '--yes')).toMatchObject({ code: 1 });
    expect(names.filter((name) => files().includes(name))).toEqual([names[2]]);
    rmdirSync(path.join(folder, names[2]!));
  });

  it.each(['..%2fsecret', '%2e%2e', 'a.webp', `${'a'.repeat(32)}.png`, `${'A'.repeat(32)}.webp`, '.', 'x%00.webp'])(
    'is not found under %s, and such an answer is not kept',
    async (name) => {
      const answer = await service.get(`/uploads/${name}`);
      expect(answer.status).toBe(404);
      expect(answer.headers['cache-control']).toBe('private, no-store');
    },
  );

  it.each<[string, () => Record<string, string>]>([
    ['the folder cannot be written', () => ({ UPLOAD_FOLDER: path.join(folder, 'file') })],
    [
      'the bucket does not answer',
      () => ({ S3_BUCKET: 'b', S3_ENDPOINT: 'http://127.0.0.1:1', S3_ACCESS_KEY_ID: 'k', S3_SECRET_ACCESS_KEY: 's' }),
    ],
  ])('fails without a 5xx and keeps the profile if %s', async (_, variables) => {
    writeFileSync(path.join(folder, 'file'), '');
    await service.stop();
    service = await TestApp.start({ PUBLIC_BASE_URL: BASE, ...variables() });
    const member = await service.member();
    const answer = await upload(member);
    expect([answer.status, answer.body.error.type, answer.headers['retry-after']]).toEqual([
      424,
      'storage_unavailable',
      '5',
    ]);
    expect(await pictureOf(member)).toBeNull();
    expect((await service.get(`/uploads/${newAvatarName()}`)).status).toBe(424);
  });
});
