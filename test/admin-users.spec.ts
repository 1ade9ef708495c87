import { Member, TestApp } from './support/app.js';

let service: TestApp;
let admin: Member;

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
});
afterAll(() => service.stopAndDrop());

const FIELDS =
  `id email name role is_active is_verified has_password mfa_enabled locale oauth_provider profile_picture_url location industry
  job_title company linkedin_url gender last_login created_at updated_at`.split(/\s+/);

async function list(query: Record<string, string | number> = {}) {
  const parameters = new URLSearchParams(query as Record<string, string>);
  const answer = await service.get(`/admin/users?${parameters}`, admin.access);
  expect([answer.status, answer.text.slice(0, 300)]).toEqual([200, expect.anything()]);
  return answer.body;
}

/** Rows that a whole test shares are told from others by the company. */
async function addUsers(company: string, count: number, columns = '', values = ''): Promise<void> {
  await service.sql(
    `INSERT INTO users (email, name, company${columns && `, ${columns}`})
     SELECT '${company.toLowerCase()}' || n || '@example.com', 'N' || lpad((n * 7 % ${count})::text, 6, '0'), '${company}'
            ${values && `, ${values}`} FROM generate_series(1, ${count}) AS n`,
  );
}

const namesOf = (body: { users: { name: string }[] }) => body.users.map(({ name }) => name);

describe('the administration', () => {
  it('checks the role in the database, not the one in the token', async () => {
    const member = await service.member();
    await service.sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [member.id]);
    expect((await service.get('/admin/me', member.access)).status).toBe(200);
    await service.sql(`UPDATE users SET role = 'user' WHERE id = $1`, [member.id]);
    expect((await service.get('/admin/me', member.access)).status).toBe(403);
  });

  it('returns the signed-in user and their permissions', async () => {
    const { body: me } = await service.get('/api/admin/me', admin.access);
    expect(me).toEqual({ id: admin.id, email: admin.email, name: 'Ada Example', role: 'admin' });
    const { body } = await service.get('/admin/permissions', admin.access);
    expect(body).toEqual({ permissions: expect.arrayContaining(['admin:access', 'users:write']), roles: ['admin'] });
  });
});

describe('GET /admin/users', () => {
  it('has the shape of the contract, newest first, without encrypted fields', async () => {
    await service.put('/users/profile', { phone: '+14155552671', bio: 'x' }, admin.access);
    const newest = await service.member();
    const body = await list();
    expect(Object.keys(body).sort()).toEqual(
      ['users', 'total', 'total_is_estimate', 'page', 'limit', 'pages', 'next'].sort(),
    );
    expect(body).toMatchObject({ total_is_estimate: false, page: 1, limit: 20, pages: 1, next: null });
    expect(body.total).toBe(body.users.length);
    expect(body.users[0].id).toBe(newest.id);
    for (const user of body.users) expect(Object.keys(user).sort()).toEqual([...FIELDS].sort());
  });

  it.each([
    ['a name', 'ZOË QUINTERO'],
    ['an address', 'zoe.quint@'],
    ['a company', 'nthropy 100% _leg'],
    ['two characters', 'ëq'.replace('q', ' ')],
    ['one character', 'ë'],
    ['a wildcard', '100% _'],
    ['a backslash', '\\al'],
    ['surrounding blanks', '  quintero '],
  ])('finds by %s, ignoring case', async (_, search) => {
    await service.sql(
      `INSERT INTO users (email, name, company) VALUES ('zoe.quint@example.com', 'Zoë Quintero', 'Anthropy 100% _leg\\al')
       ON CONFLICT DO NOTHING`,
    );
    expect(namesOf(await list({ search }))).toEqual(['Zoë Quintero']);
  });

  it.each(['100%legal', 'a_leg', '%%', '__', '\\\\', 'quintero zoe', 'legalzoe'])(
    'takes %s literally',
    async (search) => {
      expect(await list({ search })).toMatchObject({ users: [], total: 0, pages: 0, next: null });
    },
  );

  it('filters, and counts the matches', async () => {
    await addUsers(
      'Filterco',
      12,
      'is_active, role, oauth_provider, oauth_id',
      `n > 4, CASE WHEN n % 3 = 0 THEN 'moderator' ELSE 'user' END, CASE WHEN n % 2 = 0 THEN 'google' END, CASE WHEN n % 2 = 0 THEN n::text END`,
    );
    const total = async (query: Record<string, string>) => (await list({ search: 'filterco', ...query })).total;
    expect(await total({})).toBe(12);
    expect([await total({ is_active: 'true' }), await total({ is_active: 'false' })]).toEqual([8, 4]);
    expect([await total({ role: 'moderator' }), await total({ role: 'admin' })]).toEqual([4, 0]);
    expect([await total({ provider: 'google' }), await total({ provider: 'linkedin' })]).toEqual([6, 0]);
    expect(await total({ is_active: 'true', role: 'moderator', provider: 'google' })).toBe(2);
    expect((await list({ role: 'moderator' })).users.every(({ role }: { role: string }) => role === 'moderator')).toBe(
      true,
    );
    expect(await total({ is_active: '', role: '', provider: '', sort: '', after: '', page: '', limit: '' })).toBe(12);
  });

  it.each([
    ['page', 'page=0'],
    ['page', 'page=-1'],
    ['page', 'page=1.5'],
    ['page', 'page=x'],
    ['page', 'page=1&page=2'],
    ['limit', 'limit=0'],
    ['limit', 'limit=101'],
    ['__proto__', '__proto__=a&__proto__=b&limit=101'],
    ['constructor', 'constructor=a&constructor=b&limit=101'],
    ['search', `search=${'x'.repeat(101)}`],
    ['search', 'search=a&search=b'],
    ['is_active', 'is_active=maybe'],
    ['role', 'role=root'],
    ['provider', 'provider=github'],
    ['sort', 'sort=password_hash'],
    ['sort', 'sort=--name'],
    ['after', 'after=garbage'],
    ['after', 'after=WyItY3JlYXRlZF9hdCIsIngiLCJ5Il0'],
    ['offset', 'offset=3'],
  ])('refuses an invalid %s: %s', async (field, query) => {
    const answer = await service.get(`/admin/users?${query}`, admin.access);
    expect([answer.status, answer.body.error.type]).toEqual([400, 'validation_failed']);
    expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
  });

  it('refuses U+0000, which PostgreSQL cannot store', async () => {
    expect((await service.get('/admin/users?search=a%00b', admin.access)).status).toBe(400);
  });
});
