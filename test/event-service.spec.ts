import { TestApp } from './support/app.js';
import { runScript } from './support/scripts.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

/** The client module of the event service reads an answer bare or below `data`. */
const bare = (body: Record<string, unknown>) => body.data ?? body;

it('answers the calls of the event service in their order', async () => {
  const member = await service.member({ name: 'Ada Lovelace' });
  const scopes = 'users:read,preferences:read,preferences:write';
  const { stdout } = await runScript('service', ['create', '--name', 'event-service', '--scope', scopes]);
  const token = stdout.trim();

  const user = await service.get(`/users/${member.id}`, token);
  expect([user.status, bare(user.body)]).toEqual([
    200,
    expect.objectContaining({ id: member.id, name: 'Ada Lovelace' }),
  ]);
  const changed = await service.put(`/users/${member.id}/preferences`, { interests: ['Meetups'] }, token);
  expect([changed.status, changed.body.interests]).toEqual([200, ['Meetups']]);
  const found = await service.get('/users/search?q=lovelace&limit=5', token);
  expect(found.body.users.map(({ id }: { id: string }) => id)).toEqual([member.id]);

  const validated = await service.get(`/users/${member.id}/validate`, token);
  expect(validated.body).toEqual({ exists: true, is_active: true, name: 'Ada Lovelace' });
  const profile = await service.get(`/users/${member.id}/profile?include=preferences`, token);
  expect(profile.body).toMatchObject({ id: member.id, preferences: { interests: ['Meetups'] } });
  const batch = await service.post('/users/batch', { user_ids: [member.id] }, token);
  expect(batch.body).toMatchObject({ users: [{ id: member.id }], missing: [] });
}, 60_000);
