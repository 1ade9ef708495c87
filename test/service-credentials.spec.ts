import { TestApp } from './support/app.js';
import { auditOf, eventsOf } from './support/accounts.js';
import { runHosted, runScript } from './support/scripts.js';

const NOBODY = '00000000-0000-4000-8000-000000000000';
let service: TestApp;
let reader: string;

async function command(line: string, run: typeof runHosted = runHosted) {
  const result = await run('service', line.split(' '));
  return { ...result, printed: result.stdout.trim() };
}
const create = async (name: string, scopes: string) =>
  (await command(`create --name ${name} --scope ${scopes}`)).printed;

beforeAll(async () => {
  service = await TestApp.start();
  reader = await create('reader', 'users:read,preferences:read');
}, 60_000);
afterAll(() => service.stopAndDrop());

describe('npm run service', () => {
  it('prints a token of 256 bits once and stores its hash', async () => {
    const { code, printed } = await command('create --name printer --scope users:read,preferences:write', runScript);
    expect([code, printed]).toEqual([0, expect.stringMatching(/^mts_[\w-]{43}$/)]);
    const [row] = await service.sql(`SELECT id, c::text FROM service_credentials c WHERE name = 'printer'`);
    expect(row.c).not.toContain(printed);
    expect(await auditOf(service, row.id)).toEqual([
      { action: 'service.created', after: { name: 'printer', scopes: ['users:read', 'preferences:write'] } },
    ]);
    const { printed: listed } = await command('list');
    expect(listed).toMatch(/^printer {2}users:read,preferences:write {2}1 valid/m);
    expect(listed).not.toContain('mts_');
  });

  it.each([
    ['create --name Printer! --scope users:read', 2, '--name must be NAME'],
    ['create --name other --scope users:write', 2, '--scope must be some of users:read, preferences:read, '],
    ['create --name other', 2, '--scope is missing'],
    ['create --name reader --scope users:read', 1, 'there is a service "reader" already'],
    ['rotate --name nobody', 1, 'there is no service "nobody" with a valid token'],
    ['revoke --name reader', 2, '--yes'],
  ])('refuses %s', async (line, code, reason) => {
    expect(await command(line)).toMatchObject({ code, stderr: expect.stringContaining(reason) });
  });

  it('rotates with two valid tokens, and revokes the one before or all', async () => {
    const statusOf = async (tokens: string[]) => {
      const answers = tokens.map((token) => service.get(`/users/${NOBODY}/validate`, token));
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    const tokens = [await create('rotated', 'users:read')];
    tokens.push((await command('rotate --name rotated')).printed);
    expect(await statusOf(tokens)).toEqual([200, 200]);
    tokens.push((await command('rotate --name rotated')).printed);
    expect(await statusOf(tokens)).toEqual([401, 200, 200]);
    await command('revoke --name rotated --previous --yes');
    expect(await statusOf(tokens)).toEqual([401, 401, 200]);
    await command('revoke --name rotated --yes');
    expect(await statusOf(tokens)).toEqual([401, 401, 401]);
    const [{ id }] = await service.sql(`SELECT id FROM service_credentials WHERE name = 'rotated'`);
    expect((await auditOf(service, id)).map(({ action }) => action)).toEqual([
      'service.created',
      'service.rotated',
      'service.rotated',
      'service.previous_token_revoked',
      'service.revoked',
    ]);
    expect(await create('rotated', 'users:read')).toMatch(/^mts_/);
  }, 60_000);
});

describe('a service token', () => {
  it('is ignored on public routes and 401 on routes without a scope', async () => {
    expect((await service.get('/health/live', reader)).status).toBe(200);
    for (const [method, url] of [
      ['GET', '/users/profile'],
      ['GET', '/users/preferences'],
      ['GET', '/users/sessions'],
      ['DELETE', '/users/profile'],
      ['GET', '/admin/users'],
      ['GET', '/auth/verify'],
    ] as const) {
      const { status, body } = await service.request(method, url, { token: reader });
      expect([url, status, body.error.type]).toEqual([url, 401, 'unauthenticated']);
    }
  });

  it('that is unknown is 401', async () => {
    const { status, headers } = await service.get(`/users/${NOBODY}/validate`, `${reader.slice(0, -2)}xx`);
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"']);
  });

  it('without the scope is 403 with its name', async () => {
    const { status, body } = await service.put(`/users/${NOBODY}/preferences`, { age_min: 20 }, reader);
    expect([status, body.error.type]).toEqual([403, 'forbidden']);
    expect(body.message).toContain('preferences:write');
    const { id } = await service.member();
    const token = await create('cards', 'users:read');
    for (const answer of [
      await service.get(`/users/${id}/profile?include=preferences`, token),
      await service.post('/users/batch', { user_ids: [id], include: ['preferences'] }, token),
    ])
      expect([answer.status, answer.body.message]).toEqual([403, expect.stringContaining('preferences:read')]);
    expect((await service.get(`/users/${id}/profile`, token)).status).toBe(200);
  });

  it('is counted by name, also where it only reads', async () => {
    await service.get(`/users/${NOBODY}/validate`, await create('counted', 'users:read'));
    const { text } = await service.get('/metrics');
    expect(text).toMatch(/service_requests_total\{service="counted",scope="users:read",result="allowed"\} 1/);
  });

  it('is limited for each service', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_SERVICE: '2' });
    const token = await create('greedy', 'users:read');
    const url = `/users/${NOBODY}/validate`;
    const statuses = [];
    for (let request = 0; request < 3; request++) statuses.push((await limited.get(url, token)).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await limited.get(url, reader)).status).toBe(200);
    await limited.stop();
  });

  it('must not be a member’s on the routes of services', async () => {
    const { access, id } = await service.member();
    const requests = [
      service.get(`/users/${id}/validate`, access),
      service.get(`/users/${id}/profile`, access),
      service.get('/users/search?q=a', access),
      service.post('/users/batch', { user_ids: [id] }, access),
      service.put(`/users/${id}/preferences`, { age_min: 20 }, access),
    ];
    for (const { status, body } of await Promise.all(requests))
      expect([status, body.error.type]).toEqual([403, 'forbidden']);
  });
});

describe('what a service reads', () => {
  async function hidden() {
    const member = await service.member({ name: 'Grace Hidden' });
    const profile = { location: 'Bern', phone: '+14155552671', date_of_birth: '1990-05-17', bio: 'Compilers' };
    await service.put('/users/profile', profile, member.access);
    const preferences = { privacy_profile: 'private', privacy_location: false, interests: ['AI'] };
    await service.put('/users/preferences', preferences, member.access);
    return member;
  }
  const cardOf = (id: string) => ({
    id,
    name: 'Grace Hidden',
    profile_picture_url: null,
    bio: 'Compilers',
    location: null,
    industry: null,
    job_title: null,
    company: null,
    linkedin_url: null,
    is_active: true,
  });

  it('is the card of private members too, without what they hide', async () => {
    const { id, email } = await hidden();
    const { body, text } = await service.get(`/users/${id}`, reader);
    expect(body).toEqual(cardOf(id));
    for (const secret of [email, '4155552671', '1990', 'Bern']) expect(text).not.toContain(secret);
  });

  it('says of inactive and unknown members what they are', async () => {
    const { id } = await hidden();
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [id]);
    expect((await service.get(`/users/${id}`, reader)).body).toEqual({ ...cardOf(id), is_active: false });
    const validated = await service.get(`/users/${id}/validate`, reader);
    expect(validated.body).toEqual({ exists: true, is_active: false, name: 'Grace Hidden' });
    const unknown = await service.get(`/users/${NOBODY}/validate`, reader);
    expect([unknown.status, unknown.body]).toEqual([200, { exists: false, is_active: false, name: null }]);
    for (const url of [`/users/${NOBODY}`, `/users/${NOBODY}/profile`])
      expect((await service.get(url, reader)).status).toBe(404);
    expect((await service.get('/users/42/validate', reader)).status).toBe(400);
  });

  it('has the preferences only on request', async () => {
    const { id } = await hidden();
    expect((await service.get(`/users/${id}/profile`, reader)).body).toEqual(cardOf(id));
    const { body } = await service.get(`/users/${id}/profile?include=preferences`, reader);
    expect(body).toMatchObject({ ...cardOf(id), preferences: { interests: ['AI'], privacy_profile: 'private' } });
    const { status, text } = await service.get(`/users/${id}/profile?include=phone`, reader);
    expect([status, text]).toEqual([400, expect.stringContaining('include')]);
  });

  it('answers up to a hundred ids, and names the missing ones', async () => {
    const ids = [(await hidden()).id, NOBODY, (await hidden()).id];
    const body = { user_ids: [...ids, ids[0]!.toUpperCase()], include: ['preferences'] };
    const batch = await service.post('/users/batch', body, reader);
    expect([batch.status, batch.body.missing]).toEqual([200, [NOBODY]]);
    expect(batch.body.users.map(({ id }: { id: string }) => id)).toEqual([ids[0], ids[2]]);
    expect(batch.body.users[0].preferences.age_min).toBe(18);
    const ask = (user_ids: unknown) => service.post('/users/batch', { user_ids }, reader);
    expect((await ask(Array.from({ length: 100 }, () => NOBODY))).status).toBe(200);
    for (const user_ids of [Array.from({ length: 101 }, () => NOBODY), ['42'], 'x', [null]]) {
      const answer = await ask(user_ids);
      expect([answer.status, answer.body.error.details[0].field]).toEqual([400, 'user_ids']);
    }
  });

  it('is found by name among active members', async () => {
    const { id } = await hidden();
    await service.put('/users/profile', { name: 'Zebulon 100%' }, (await service.member()).access);
    const { body } = await service.get(`/users/search?q=grace%20hid&limit=1`, reader);
    expect(body).toEqual({ users: [cardOf(id)] });
    expect((await service.get('/users/search?q=100%25', reader)).body.users).toHaveLength(1);
    expect((await service.get('/users/search?q=nothing-like-it', reader)).body).toEqual({ users: [] });
    for (const query of ['', '?q=', '?q=a&limit=101', `?q=${'a'.repeat(101)}`])
      expect((await service.get(`/users/search${query}`, reader)).status).toBe(400);
  });
});

describe('what a service writes', () => {
  it('are preferences, with the event and the audit of a change', async () => {
    const token = await create('writer', 'preferences:write');
    const member = await service.member();
    const answer = await service.put(`/users/${member.id}/preferences`, { interests: ['Go'], age_min: 21 }, token);
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ interests: ['Go'], age_min: 21 })]);
    expect((await service.get('/users/preferences', member.access)).body).toEqual(answer.body);
    const updated = ['user.updated', ['preferences.age_min', 'preferences.interests']];
    expect(await eventsOf(service, member.id)).toContainEqual(updated);
    const [entry] = await service.sql(
      `SELECT a.reason, a.after, c.name FROM audit_logs a JOIN service_credentials c ON c.id = a.actor_id
        WHERE target_id = $1 AND action = 'preferences.updated'`,
      [member.id],
    );
    expect(entry).toEqual({
      reason: 'service writer',
      after: { updated_fields: ['age_min', 'interests'] },
      name: 'writer',
    });
    expect((await service.put(`/users/${NOBODY}/preferences`, { age_min: 21 }, token)).status).toBe(404);
    expect((await service.put(`/users/${member.id}/preferences`, { age_min: 1 }, token)).status).toBe(400);
    expect((await service.get(`/users/${member.id}`, token)).body.message).toContain('users:read');
  });
});
