import { type Member, TestApp } from './support/app.js';

/** What the app sends with each request. */
const CLIENT = { 'x-client-version': '1.4.0', 'x-client-platform': 'web' };

const PROFILE = {
  fullName: 'Ada Lovelace',
  headline: 'Writes the first program',
  bio: 'Analyst\nand poet',
  interests: ['Engines'],
  location: 'London',
  availability: 'Evenings',
  company: 'Babbage & Co',
  position: 'Analyst',
  skills: ['Mathematics'],
  experiences: [{ company: 'Babbage & Co', role: 'Analyst', from: 1842, current: true, to: null }],
  links: ['https://ada.example', { label: 'Notes', url: 'https://notes.example/G' }],
  preferences: { discoveryRadiusKm: 30, industries: ['Technology'], interests: ['Engines'], eventTypes: ['Meetup'] },
};

let service: TestApp;
let member: Member;

const as = ({ access }: Member, method: 'GET' | 'POST' | 'PUT', url: string, body?: unknown) =>
  service.request(method, url, { token: access, body, headers: CLIENT });
const events = async (id: string) =>
  (
    await service.sql<{ payload: { data?: { updated_fields?: string[] }; updated_fields?: string[] } }>(
      `SELECT payload FROM outbox_events WHERE user_id = $1 AND event_type = 'user.updated' ORDER BY id`,
      [id],
    )
  ).map(({ payload }) => payload.updated_fields ?? payload.data?.updated_fields);

beforeAll(async () => {
  service = await TestApp.start();
  member = await service.member();
});
afterAll(() => service.stopAndDrop());

describe('the mobile app', () => {
  it('reads a new profile: what is always there, and nothing that is not set', async () => {
    const { status, body } = await as(member, 'GET', '/profile');
    expect(status).toBe(200);
    expect(body).toEqual({
      id: member.id,
      fullName: 'Ada Example',
      headline: '',
      interests: [],
      skills: [],
      experiences: [],
      links: [],
      preferences: { discoveryRadiusKm: 50, industries: [], interests: [], eventTypes: [] },
    });
  });

  it.each(['POST', 'PUT'] as const)('writes the whole profile with %s and reads it back', async (method) => {
    const own = await service.member();
    const saved = await as(own, method, '/profile', { id: own.id, avatarUrl: null, ...PROFILE });
    expect([saved.status, saved.body]).toEqual([200, { id: own.id, ...PROFILE }]);
    expect((await as(own, 'GET', '/profile')).body).toEqual({ id: own.id, ...PROFILE });
    expect((await as(own, 'GET', '/profile/preferences')).body).toEqual(PROFILE.preferences);
    const { body } = await service.get('/users/profile', own.access);
    expect(body).toMatchObject({ name: 'Ada Lovelace', job_title: 'Analyst', company: 'Babbage & Co' });
    expect(body).not.toHaveProperty('headline');
  });

  it('changes the parts that are sent, names them in events and in the audit, and is silent where nothing changes', async () => {
    const own = await service.member();
    await as(own, 'PUT', '/profile', PROFILE);
    const before = (await events(own.id)).length;
    const { body } = await as(own, 'PUT', '/profile', { headline: '  Countess ', skills: [] });
    expect(body).toEqual({ id: own.id, ...PROFILE, headline: 'Countess', skills: [] });
    expect((await events(own.id)).slice(before)).toEqual([['details.headline', 'details.skills']]);
    await as(own, 'PUT', '/profile', body);
    expect(await events(own.id)).toHaveLength(before + 1);
    const [entry] = await service.sql(
      `SELECT after FROM audit_logs WHERE target_id = $1 AND action = 'profile.updated' ORDER BY id DESC LIMIT 1`,
      [own.id],
    );
    expect(entry!.after).toEqual({ updated_fields: ['details.headline', 'details.skills'] });
  });

  it.each([
    [{ interests: ['New'] }, ['New']],
    [{ preferences: { interests: ['New'] } }, ['New']],
    [{ interests: ['Old'], preferences: { interests: ['New'] } }, ['New']],
    [{ interests: ['New'], preferences: { interests: ['Old'] } }, ['New']],
    [{ interests: ['Other'], preferences: { interests: ['New'] } }, ['New']],
  ])('keeps one list of interests under both names: %j', async (body, interests) => {
    const own = await service.member();
    await as(own, 'PUT', '/profile', { interests: ['Old'] });
    const saved = (await as(own, 'PUT', '/profile', body)).body;
    expect([saved.interests, saved.preferences.interests]).toEqual([interests, interests]);
  });

  it.each([
    ['id', { id: '00000000-0000-4000-8000-000000000000' }],
    ['fullName', { fullName: ' ' }],
    ['nickname', { nickname: 'Ada' }],
    ['links', { links: [{ label: 'x', url: 'javascript:alert(1)' }] }],
    ['links', { links: [['nested']] }],
    ['experiences', { experiences: [{ role: { title: 'x' } }] }],
    ['experiences', { experiences: Array.from({ length: 51 }, () => 'x') }],
    ['experiences', { experiences: ['x'.repeat(17_000)] }],
    ['skills', { skills: ['a', 'A'] }],
    ['preferences.discoveryRadiusKm', { preferences: { discoveryRadiusKm: 0 } }],
    ['preferences', { preferences: 'all' }],
    ['preferences', { preferences: [] }],
    ['preferences', { preferences: [{ interests: ['New'] }] }],
    ['links', { links: ['javascript:alert(1)'] }],
    ['links', { links: [' Java\tscript:alert(1)'] }],
    ['links', { links: ['data:text/html,x'] }],
  ])('is told which field is wrong: %s', async (field, body) => {
    const { status, body: answer } = await as(member, 'PUT', '/profile', body);
    expect([status, answer.error.type, answer.error.details[0].field]).toEqual([400, 'validation_failed', field]);
  });

  it('changes nothing where one part is refused', async () => {
    const own = await service.member();
    const refused = await as(own, 'PUT', '/profile', { fullName: 'New', preferences: { industries: ['a', 'a'] } });
    expect(refused.status).toBe(400);
    expect((await as(own, 'GET', '/profile')).body.fullName).toBe('Ada Example');
  });

  it('finds its details in the export and in the administrator’s view, and none after an erasure', async () => {
    const [own, admin] = [await service.member(), await service.memberWithRole('admin')];
    const shown = async () => (await service.get(`/admin/users/${own.id}`, admin.access)).body.details;
    expect(await shown()).toBeNull();
    await as(own, 'PUT', '/profile', PROFILE);
    const { headline, availability, skills, experiences, links } = PROFILE;
    const details = { headline, availability, skills, experiences, links, event_types: ['Meetup'] };
    expect(await shown()).toEqual(details);
    expect(JSON.parse((await service.get('/users/profile/export', own.access)).text).details).toEqual(details);
    await service.delete('/users/profile', own.access, { password: own.password });
    expect(await service.sql('SELECT FROM user_profile_details WHERE user_id = $1', [own.id])).toEqual([]);
  });

  it('gets 401 without a token, and 405 with the methods there are for others', async () => {
    expect((await service.get('/profile')).status).toBe(401);
    const { status, headers } = await service.request('DELETE', '/profile', { token: member.access });
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD, POST, PUT']);
  });
});

describe('COMPAT_ENABLED=false', () => {
  it('takes the routes of the apps away, from the document too', async () => {
    const plain = await TestApp.start({ COMPAT_ENABLED: 'false' });
    const { access } = await plain.member();
    for (const url of ['/profile', '/security/audit-logs', '/users'])
      expect((await plain.get(url, access)).status).toBe(404);
    expect(Object.keys((await plain.get('/docs-json')).body.paths)).not.toContain('/profile');
    await plain.stop();
  });
});
