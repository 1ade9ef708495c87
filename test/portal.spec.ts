import { provenMember } from './support/accounts.js';
import { type Answer, type Member, TestApp, uniqueEmail } from './support/app.js';
import { linkIn, mailedToken, mailTo } from './support/mailbox.js';

let service: TestApp;
let admin: Member;

const get = async (url: string) => (await service.get(url, admin.access)).body;
const refusal = ({ status, body }: Answer) => [status, body.error?.type];
/** The parameters as the portal sends them: all of them, most of them empty. */
const LIST = '/users?page=0&pageSize=50&search=&status=&industry=&startDate=&endDate=';
const listed = (changes: string) => {
  const url = new URL(LIST, 'http://portal');
  for (const [name, value] of new URLSearchParams(changes)) url.searchParams.set(name, value);
  return get(`${url.pathname}${url.search}`);
};

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
  await service.sql(`INSERT INTO users (email, name, industry, is_active, created_at)
    SELECT 'portal' || n || '@example.com', 'Portal ' || n, CASE WHEN n <= 3 THEN 'Finance' ELSE 'Technology' END, n <> 5,
           timestamptz '2026-03-01T12:00Z' + n * interval '1 day' FROM generate_series(1, 6) AS n`);
});
afterAll(() => service.stopAndDrop());

describe('the portal', () => {
  it('opens: who is signed in, and with which permissions', async () => {
    expect(await get('/admin/me')).toMatchObject({ id: admin.id, role: 'admin' });
    expect((await get('/admin/permissions')).permissions).toEqual(
      expect.arrayContaining(['admin:access', 'users:read']),
    );
  });

  it('lists users, newest first, pages counted from 0', async () => {
    const all = await listed('');
    expect(all.total).toBe(7);
    expect(all.users[0]).toMatchObject({ id: admin.id, name: 'Ada Example', email: admin.email, status: 'active' });
    expect(all.users[1]).toEqual({
      id: expect.any(String),
      name: 'Portal 6',
      email: 'portal6@example.com',
      status: 'active',
      industry: 'Technology',
      createdAt: '2026-03-07T12:00:00.000Z',
    });
    const page = await listed('page=1&pageSize=3');
    expect([page.users.map(({ name }: { name: string }) => name), page.total]).toEqual([
      ['Portal 4', 'Portal 3', 'Portal 2'],
      7,
    ]);
  });

  it.each([
    ['search=portal1@', 1],
    ['status=inactive', 1],
    ['industry=Finance', 3],
    ['startDate=2026-03-04&endDate=2026-03-05', 2],
    ['startDate=2026-03-05T00:00:00.000Z&industry=Technology', 3],
    ['status=active&industry=Technology', 2],
  ])('filters: %s', async (query, total) => {
    const found = await listed(query);
    expect([found.total, found.users.length]).toEqual([total, total]);
  });

  it.each(['status=gone', 'pageSize=101', 'page=-1', 'startDate=soon', 'sort=name'])(
    'refuses an invalid filter, page or order: %s',
    async (query) => {
      expect(refusal(await service.get(`${LIST.split('?')[0]}?${query}`, admin.access))).toEqual([
        400,
        'validation_failed',
      ]);
    },
  );

  it('answers a search that takes too long like the other lists: with a hint how to narrow it', async () => {
    const token = await service.serviceToken();
    const lists: [string, string, string][] = [
      ['/users?page=0&search=a', admin.access, 'search too_broad'],
      ['/users?page=2&search=a', admin.access, 'page too_far'],
      ['/admin/users?search=a', admin.access, 'search too_broad'],
      ['/users/search?q=ab', token, 'q too_broad'],
    ];
    const ask = () => Promise.all(lists.map(([url, access]) => service.get(url, access)));
    for (const { status } of await ask()) expect(status).toBe(200);
    const fold = `'users_search_fold(text)'::regprocedure`;
    const [{ original }] = (await service.sql(`SELECT pg_get_functiondef(${fold}) AS original`)) as [
      Record<string, string>,
    ];
    await service.sql(`CREATE OR REPLACE FUNCTION users_search_fold(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
      $$ BEGIN PERFORM pg_sleep(5); RETURN value; END $$`);
    const answers = await ask().finally(() => service.sql(original!));
    const hints = answers.map(({ status, body }) => [
      status,
      body.error.type,
      body.error.details?.map(({ field, rule }: Record<string, string>) => `${field} ${rule}`).join(),
    ]);
    expect(hints).toEqual(lists.map(([, , hint]) => [400, 'validation_failed', hint]));
  });

  it('shows numbers, and exports them with the users', async () => {
    const stats = await get('/users/stats');
    expect(stats.byIndustry).toEqual({ Technology: 3, Finance: 3 });
    expect(stats.byStatus).toEqual({ active: 6, inactive: 1 });
    expect(stats.signups['2026-03']).toBe(6);
    const file = await get('/users/export?search=&status=&industry=Finance&startDate=&endDate=');
    expect(file.users).toHaveLength(3);
    expect(file).toMatchObject({ stats, metadata: { total: 3, truncated: false } });
    const [entry] = await service.sql(`SELECT actor_id, after FROM audit_logs WHERE action = 'users.exported'`);
    expect(entry).toEqual({ actor_id: admin.id, after: { users: 3, filters: ['industry'] } });
  });

  it('changes name, industry and status of a user, with the audit and the event of each', async () => {
    const member = await service.member();
    const { body: sent } = await service.get(`/users?search=${member.email}`, admin.access);
    const user = { ...sent.users[0], name: 'New Name', industry: 'Health', status: 'inactive' };
    const { status, body } = await service.put(`/users/${member.id}`, user, admin.access);
    expect([status, body]).toEqual([200, user]);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
    const entries = await service.sql(
      `SELECT action, reason, actor_id FROM audit_logs WHERE target_id = $1 AND actor_id = $2 ORDER BY id`,
      [member.id, admin.id],
    );
    expect(entries).toEqual([
      { action: 'profile.updated', reason: null, actor_id: admin.id },
      { action: 'user.deactivated', reason: 'via portal', actor_id: admin.id },
    ]);
  });

  it.each([
    ['email', { email: 'no address' }],
    ['id', { id: '00000000-0000-4000-8000-000000000000' }],
    ['status', { status: 'gone' }],
    ['role', { role: 'admin' }],
  ])('cannot change %s here', async (field, body) => {
    const { id } = await service.member();
    const answer = await service.put(`/users/${id}`, body, admin.access);
    expect([...refusal(answer), answer.body.error.details[0].field]).toEqual([400, 'validation_failed', field]);
  });

  it('changes the address of a user, which ends with the link of the notice', async () => {
    const [member, other] = [await service.member(), await service.member()];
    const email = uniqueEmail();
    const change = (address: string) => service.put(`/users/${member.id}`, { email: address }, admin.access);
    expect(refusal(await change(other.email))).toEqual([409, 'email_taken']);
    expect((await change(email.toUpperCase())).body).toMatchObject({ id: member.id, email });
    const entry = `SELECT reason, actor_id FROM audit_logs WHERE target_id = $1 AND action = 'email.changed'`;
    expect(await service.sql(entry, [member.id])).toEqual([{ reason: 'via portal', actor_id: admin.id }]);
    const notice = await mailTo(member.email, 'email_changed');
    expect(notice.text).not.toMatch(/Network|Device/);
    const token = linkIn(notice).searchParams.get('token');
    expect((await service.post('/auth/account/not-me', { token })).status).toBe(204);
    expect((await get(`/users?search=${member.email}`)).users).toHaveLength(1);
  });

  it('refuses the former address that a form opened before the change still holds', async () => {
    const member = await provenMember(service);
    const {
      users: [form],
    } = await get(`/users?search=${member.email}`);
    const next = uniqueEmail();
    await service.post('/auth/email/change', { email: next, password: member.password }, member.access);
    const token = await mailedToken(next, 'email_change');
    expect((await service.post('/auth/email/verify', { token }, member.access)).status).toBe(204);
    const stale = { ...form, name: 'New Name' };
    expect(refusal(await service.put(`/users/${member.id}`, stale, admin.access))).toEqual([400, 'validation_failed']);
    expect((await service.get('/users/profile', member.access)).body).toMatchObject({ email: next, name: form.name });
    const { status, body } = await service.put(`/users/${member.id}`, { ...stale, email: next }, admin.access);
    expect([status, body]).toEqual([200, { ...stale, email: next }]);
    const purpose = { email: member.email, reason: 'asked for it by phone' };
    expect((await service.put(`/admin/users/${member.id}/email`, purpose, admin.access)).status).toBe(200);
  });

  it('deletes a user for good', async () => {
    const member = await service.member();
    expect((await service.delete(`/users/${member.id}`, admin.access)).status).toBe(204);
    expect(await service.sql('SELECT FROM users WHERE id = $1', [member.id])).toEqual([]);
    expect(refusal(await service.delete(`/users/${member.id}`, admin.access))).toEqual([404, 'not_found']);
    expect((await service.member({ email: member.email })).email).toBe(member.email);
    const { requests, total } = await get('/security/gdpr/requests?page=0&pageSize=10');
    expect(requests[0]).toMatchObject({ type: 'erasure', userId: member.id, status: 'completed' });
    expect(requests[0].submittedAt).toMatch(/Z$/);
    expect(total).toBe(1);
  });

  it('changes many users at once, one by one, and names those that are refused', async () => {
    const [one, two] = [await service.member(), await service.member()];
    const missing = '00000000-0000-4000-8000-000000000000';
    const bulk = (ids: string[], action: string) => service.post('/users/bulk', { ids, action }, admin.access);
    expect((await bulk([one.id, missing, admin.id, two.id, two.id], 'deactivate')).body).toEqual({
      done: 2,
      failed: [
        { id: missing, type: 'not_found' },
        { id: admin.id, type: 'own_account' },
      ],
    });
    expect((await listed(`search=${one.email}`)).users[0].status).toBe('inactive');
    expect((await bulk([one.id], 'activate')).body).toEqual({ done: 1, failed: [] });
    expect((await bulk([one.id, two.id], 'delete')).body).toEqual({ done: 2, failed: [] });
    expect(
      refusal(
        await bulk(
          Array.from({ length: 101 }, () => missing),
          'activate',
        ),
      ),
    ).toEqual([400, 'validation_failed']);
  });

  it('knows the own account and the same user twice by any spelling of the ids', async () => {
    const [other, target] = [await service.memberWithRole('admin'), await service.member()];
    for (const action of ['deactivate', 'delete']) {
      const ids = [other.id.toUpperCase(), target.id, target.id.toUpperCase()];
      expect((await service.post('/users/bulk', { ids, action }, other.access)).body).toEqual({
        done: 1,
        failed: [{ id: other.id, type: 'own_account' }],
      });
    }
  });

  it('shows the audit log', async () => {
    const { logs, total } = await get('/security/audit-logs?page=0&pageSize=5&search=&action=user.deactivated');
    expect(total).toBe(4);
    expect(logs).toHaveLength(4);
    expect(logs[3]).toMatchObject({ action: 'user.deactivated', actor: admin.id, reason: 'via portal' });
    expect((await get('/security/audit-logs?page=1&pageSize=2&action=user.deactivated')).logs).toEqual(logs.slice(2));
  });

  it('shows the audit log as the security centre asks for it, whose filters the log does not all know', async () => {
    const all = 'page=0&pageSize=25&sort=-timestamp';
    const { logs, total } = await get(`/security/audit-logs?${all}`);
    expect(logs.length).toBeGreaterThan(4);
    const asked = (query: string) => get(`/security/audit-logs?${all}&${query}`);
    expect((await asked('resourceType=users&severity=low&search=x')).total).toBe(total);
    expect((await asked(`actor=${admin.id}`)).logs[0].actor).toBe(admin.id);
    for (const query of ['actor=jane', 'dateFrom=2999-01-01', 'dateTo=2001-01-01'])
      expect(await asked(query)).toEqual({ logs: [], total: 0 });
  });

  it.each(['engagement', 'match-success'])('is told that %s is not counted here', async (name) => {
    expect(refusal(await service.get(`/users/${name}`, admin.access))).toEqual([404, 'not_found']);
    expect(refusal(await service.get(`/users/stats/${name}`, admin.access))).toEqual([404, 'not_found']);
  });
});
