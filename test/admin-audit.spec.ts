import { provenMember } from './support/accounts.js';
import { Member, TestApp } from './support/app.js';

let service: TestApp;
let admin: Member;
let target: Member;

beforeAll(async () => {
  service = await TestApp.start({ TRUST_PROXY_HOPS: '1' });
  admin = await service.memberWithRole('admin');
  target = await provenMember(service);
});
afterAll(() => service.stopAndDrop());

interface Entry {
  id: string;
  at: string;
  action: string;
}

async function list(query: Record<string, string> = {}): Promise<{ entries: Entry[]; next: string | null }> {
  const answer = await service.get(`/admin/audit?${new URLSearchParams(query)}`, admin.access);
  expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.anything()]);
  return answer.body;
}

const actionsOf = ({ entries }: { entries: Entry[] }) => entries.map(({ action }) => action);

function asAdmin(method: 'PUT' | 'POST', path: string, body: unknown) {
  return service.request(method, `/admin/users/${target.id}/${path}`, {
    token: admin.access,
    body,
    headers: { 'x-request-id': `spec-${path.replace('/', '-')}`, 'x-forwarded-for': '203.0.113.7' },
  });
}

describe('an action of an administrator', () => {
  it('is recorded with actor, action, target, reason, origin and previous values', async () => {
    await asAdmin('POST', 'sessions/revoke', { reason: 'Lost phone' });
    await asAdmin('PUT', 'role', { role: 'moderator' });
    await asAdmin('PUT', 'status', { is_active: false, reason: 'Terms violation' });
    const common = {
      id: expect.stringMatching(/^\d+$/),
      at: expect.stringMatching(/Z$/),
      actor_id: admin.id,
      target_id: target.id,
      ip_address: '203.0.113.7',
    };
    expect((await list({ actor: admin.id, target: target.id })).entries).toEqual([
      {
        ...common,
        action: 'user.deactivated',
        reason: 'Terms violation',
        request_id: 'spec-status',
        before: { is_active: true },
        after: { is_active: false },
      },
      {
        ...common,
        action: 'user.role_changed',
        reason: null,
        request_id: 'spec-role',
        before: { role: 'user' },
        after: { role: 'moderator' },
      },
      {
        ...common,
        action: 'user.sessions_revoked',
        reason: 'Lost phone',
        request_id: 'spec-sessions-revoke',
        before: null,
        after: { sessions: 1 },
      },
    ]);
  });

  it('cannot be changed or deleted afterwards', async () => {
    for (const statement of ['UPDATE audit_logs SET action = $1', 'DELETE FROM audit_logs WHERE action <> $1'])
      await expect(service.sql(statement, ['x'])).rejects.toThrow('append-only');
  });
});

describe('GET /admin/audit', () => {
  const ACTOR = '11111111-1111-4111-8111-111111111111';

  beforeAll(() =>
    // Several entries of one instant, as one transaction leaves them.
    service.sql(
      `INSERT INTO audit_logs (at, actor_id, target_id, action)
       SELECT timestamptz '2020-03-01T00:00:00.123456Z' + n / 3 * interval '1 hour', $1, $2, 'spec.' || n % 2
         FROM generate_series(0, 29) AS n`,
      [ACTOR, target.id],
    ),
  );

  it('is forbidden to other users', async () => {
    expect((await service.get('/admin/audit')).status).toBe(401);
    expect((await service.get('/admin/audit', (await service.member()).access)).status).toBe(403);
  });

  it('filters by actor, target, action and time, in any combination', async () => {
    const count = async (query: Record<string, string>) => (await list({ limit: '100', ...query })).entries.length;
    expect(await count({ actor: ACTOR })).toBe(30);
    expect(await count({ actor: ACTOR, target: admin.id })).toBe(0);
    expect(await count({ target: target.id, action: 'spec.1' })).toBe(15);
    expect(await count({ action: 'spec.0' })).toBe(15);
    expect(await count({ from: '2020-03-01T01:00:00Z', to: '2020-03-01T03:00:00Z' })).toBe(6);
    expect(await count({ from: '2020-03-01T02:00:00+01:00', to: '2020-03-01T03:00:00' })).toBe(6);
    expect(await count({ actor: ACTOR, to: '2020-03-01' })).toBe(0);
    expect(await count({ actor: ACTOR, from: '2020-03-01', to: '2020-03-02' })).toBe(30);
    expect(await count({ actor: ACTOR, action: '', target: '', from: '', to: '', after: '' })).toBe(30);
  });

  it('lists every entry once by cursor, newest first', async () => {
    const seen: Entry[] = [];
    for (let after: string | null = ''; after !== null;) {
      const page = await list({ actor: ACTOR, limit: '7', after });
      seen.push(...page.entries);
      after = page.next;
    }
    expect(seen).toHaveLength(30);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(30);
    const sorted = [...seen].sort((a, b) => b.at.localeCompare(a.at) || Number(b.id) - Number(a.id));
    expect(seen).toEqual(sorted);
  });

  it('shows entries of all actors, newest first', async () => {
    const member = await service.member();
    expect(actionsOf(await list({ target: member.id }))).toEqual(['user.registered']);
    expect((await list()).entries).toHaveLength(20);
  });

  it.each([
    ['actor', 'actor=42'],
    ['target', 'target=x'],
    ['target', `target=${'1'.repeat(36)}`],
    ['action', `action=${'x'.repeat(61)}`],
    ['from', 'from=yesterday'],
    ['from', 'from=2020-13-01'],
    ['to', 'to=2020-02-30'],
    ['to', 'to=2020-02-20T25:00:00Z'],
    ['to', 'to=2020-02-20&to=2020-02-21'],
    ['limit', 'limit=101'],
    ['after', 'after=garbage'],
    ...['["1","x"]', '[["123"],"1"]', '["1",["1"]]', '[1,1]', `["1","${'9'.repeat(20)}"]`, '["-1","1"]', '["1"]'].map(
      (cursor) => ['after', `after=${Buffer.from(cursor).toString('base64url')}`],
    ),
    ['page', 'page=2'],
  ])('refuses an invalid %s: %s', async (field, query) => {
    const answer = await service.get(`/admin/audit?${query}`, admin.access);
    expect([answer.status, answer.body.error.type]).toEqual([400, 'validation_failed']);
    expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
  });
});
