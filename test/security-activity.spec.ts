import { Member, TestApp } from './support/app.js';
import { login } from './support/sign-ins.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const list = (token: string, query = '') => service.get(`/users/security-activity${query}`, token);
const kindsOf = (entries: { kind: string }[]) => entries.map(({ kind }) => kind);

/** Adds entries about the member, `age` back. */
const add = (member: Member, action: string, count: number, age: string) =>
  service.sql(
    `INSERT INTO audit_logs (action, actor_id, target_id, at)
     SELECT $1, $2, $2, now() - $3::interval - n * interval '1 second' FROM generate_series(1, $4::int) AS n`,
    [action, member.id, age, count],
  );

describe('GET /users/security-activity', () => {
  it('lists sign-ins and changes with device and network, and marks the session of the request', async () => {
    const member = await service.member();
    const { body } = await login(service, member.email, member.password, '2001:db8:1:2::7', { 'user-agent': FIREFOX });
    await service.put('/users/profile', { bio: 'not listed' }, body.access_token);
    const next = { current_password: member.password, new_password: 'another horse battery' };
    await service.post('/auth/password/change', next, body.access_token);
    const { status, body: page } = await list(body.access_token);
    expect([status, kindsOf(page.entries), page.next]).toEqual([
      200,
      ['password', 'new_device', 'sign_in', 'registration'],
      null,
    ]);
    expect(page.entries[2]).toEqual({
      id: expect.stringMatching(/^\d+$/),
      at: expect.stringMatching(/Z$/),
      kind: 'sign_in',
      device: 'Firefox on Linux',
      network: '2001:db8:1:2::/64',
      current_session: true,
    });
    expect(page.entries[3]).toMatchObject({ device: null, current_session: false });
  });

  it('hides the network of an administrator, and lists nothing of other users', async () => {
    const [admin, member] = [await service.memberWithRole('admin'), await service.member()];
    await service.put(`/admin/users/${member.id}/role`, { role: 'user', reason: 'none' }, admin.access);
    await service.put(`/admin/users/${member.id}/status`, { is_active: false, reason: 'spam' }, admin.access);
    await service.put(`/admin/users/${member.id}/status`, { is_active: true }, admin.access);
    const { body } = await login(service, member.email, member.password);
    const { entries } = (await list(body.access_token)).body;
    const changes = entries.filter(({ kind }: { kind: string }) => kind === 'status');
    expect(changes).toMatchObject([{ network: null, device: null }, { network: null }]);
    expect(kindsOf((await list(admin.access)).body.entries)).not.toContain('status');
  });

  it('is walked by a cursor, without what is older than 90 days, and past entries that are not listed', async () => {
    const member = await service.member();
    await add(member, 'profile.updated', 1500, '1 day');
    await add(member, 'session.opened', 5, '2 days');
    await add(member, 'session.opened', 5, '91 days');
    const found: unknown[] = [];
    let pages = 0;
    for (let next: string | null = ''; next !== null; pages += 1) {
      const { body } = await list(member.access, `?limit=2${next && `&after=${next}`}`);
      found.push(...body.entries);
      next = body.next;
    }
    expect([found.length, new Set(found.map((entry) => (entry as { id: string }).id)).size]).toEqual([6, 6]);
    expect(pages).toBeLessThan(7);
    const refused = await list(member.access, '?after=nonsense');
    expect([refused.status, refused.body.error.type]).toEqual([400, 'validation_failed']);
  });

  it('needs a session', async () => {
    expect((await service.get('/users/security-activity')).status).toBe(401);
  });
});
