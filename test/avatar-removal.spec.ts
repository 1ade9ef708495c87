import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PeriodicTask } from '../src/common/concurrency/periodic-task.js';
import { PendingAvatarDeletions } from '../src/users/avatars/pending-avatar-deletions.js';
import { AvatarStorage, newAvatarName } from '../src/users/avatars/avatar-storage.js';
import { Member, TestApp } from './support/app.js';
import { form, FORM, picture } from './support/images.js';
import { until, within } from './support/until.js';

const home = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
const folder = path.join(home, 'pictures');
let service: TestApp;
/** Another instance of the service, with the same folder. */
let other: TestApp;

beforeAll(async () => {
  // The specs start the runs.
  jest.spyOn(PeriodicTask.prototype, 'start').mockReturnValue();
  service = await TestApp.start({ UPLOAD_FOLDER: folder });
  other = await TestApp.start({ UPLOAD_FOLDER: folder });
});
afterEach(() => jest.restoreAllMocks());
afterAll(async () => {
  await other.stop();
  await service.stopAndDrop();
  rmSync(home, { recursive: true });
});

const upload = async ({ access }: Member) =>
  service.request('POST', '/users/profile/avatar', {
    payload: form({ filename: 'a.png', content: await picture('png') }),
    headers: FORM,
    token: access,
  });

async function memberWithPicture(): Promise<{ member: Member; address: string }> {
  const member = await service.member();
  return { member, address: new URL((await upload(member)).body.profile_picture_url).pathname };
}

const WAYS: [string, (member: Member) => Promise<{ status: number }>, number][] = [
  ['an erasure', ({ access, password }) => service.delete('/users/profile', access, { password }), 204],
  ['a removal', ({ access }) => service.delete('/users/profile/avatar', access), 200],
];

const waiting = async () => (await service.sql('SELECT name FROM avatar_removals ORDER BY due_at')).length;
const statusOf = async (address: string) => (await service.get(address)).status;
const round = (app = service) => app.app.get(PendingAvatarDeletions).finish();

describe('an unused picture', () => {
  it.each(WAYS)('is deleted at once with %s, and leaves no pending deletion', async (_, act, status) => {
    const { member, address } = await memberWithPicture();
    expect((await act(member)).status).toBe(status);
    expect([await statusOf(address), await waiting()]).toEqual([404, 0]);
  });

  it.each(WAYS)('is deleted by the next run if the storage failed during %s', async (_, act, status) => {
    const { member, address } = await memberWithPicture();
    renameSync(folder, `${folder}-away`);
    writeFileSync(folder, '');
    const answer = await act(member);
    rmSync(folder);
    renameSync(`${folder}-away`, folder);
    expect([answer.status, await statusOf(address)]).toEqual([status, 200]);
    await round();
    expect([await statusOf(address), await waiting()]).toEqual([404, 0]);
  });

  it.each(WAYS)('is deleted by another instance if the process dies during %s', async (_, act, status) => {
    const { member, address } = await memberWithPicture();
    jest.spyOn(service.app.get(AvatarStorage), 'remove').mockReturnValue(new Promise(() => undefined));
    // The answer does not wait for a storage that hangs.
    expect((await within(4000, () => act(member))).status).toBe(status);
    expect(await statusOf(address)).toBe(200);
    await Promise.all([round(other), round(other)]);
    expect([await statusOf(address), await waiting()]).toEqual([404, 0]);
  });

  it('is looked for periodically by every process', async () => {
    await service.sql('INSERT INTO avatar_removals (name) VALUES ($1)', [newAvatarName()]);
    const { random } = Math;
    // The first look of a periodic task comes at once; NestJS draws the ids of its modules by the same function.
    jest.spyOn(Math, 'random').mockImplementation(() => (new Error().stack!.includes('periodic-task') ? 0 : random()));
    const third = await TestApp.start({ UPLOAD_FOLDER: folder });
    await until(async () => (await waiting()) === 0);
    await third.stop();
  });

  it('is kept if the change was rolled back', async () => {
    const { member, address } = await memberWithPicture();
    await service.sql('ALTER TABLE audit_logs RENAME TO moved');
    for (const [, act] of WAYS) expect((await act(member)).status).toBe(500);
    await service.sql('ALTER TABLE moved RENAME TO audit_logs');
    await round();
    expect([await statusOf(address), await waiting()]).toEqual([200, 0]);
  });

  it('may be deleted already', async () => {
    await service.sql('INSERT INTO avatar_removals (name) VALUES ($1), ($2)', [newAvatarName(), newAvatarName()]);
    await Promise.all([round(), round(other)]);
    expect(await waiting()).toBe(0);
  });

  it('does not wait for one that cannot be deleted', async () => {
    const [stubborn, name] = [newAvatarName(), newAvatarName()];
    mkdirSync(path.join(folder, stubborn));
    writeFileSync(path.join(folder, name), '');
    await service.sql(
      `INSERT INTO avatar_removals VALUES ($1, now() - interval '2 minutes'), ($2, now() - interval '1 minute')`,
      [stubborn, name],
    );
    await round();
    await round();
    expect([readdirSync(folder).includes(name), await waiting()]).toEqual([false, 1]);
    rmdirSync(path.join(folder, stubborn));
    await service.sql('UPDATE avatar_removals SET due_at = now()');
    await round();
    expect(await waiting()).toBe(0);
  });
});
