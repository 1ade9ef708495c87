import { type Answer, type Member, TestApp } from './support/app.js';
import { mailsTo } from './support/mailbox.js';
import { sessionOf, word } from './support/sessions.js';
import { until } from './support/until.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0';
const NEWER_FIREFOX = FIREFOX.replaceAll('133.0', '134.0');
const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
const WINDOWS_FIREFOX = FIREFOX.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64; x64');
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

function refresh(token: string, userAgent: string | null, remoteAddress = '192.0.2.1'): Promise<Answer> {
  const headers = { 'user-agent': userAgent ?? '' };
  return service.request('POST', '/auth/refresh', { body: { refresh_token: token }, headers, remoteAddress });
}

const update = (set: string, { access }: Member) =>
  service.sql(`UPDATE user_sessions SET ${set} WHERE id = $1`, [sessionOf(access)]);
const listed = async ({ access }: Pick<Member, 'access'>) =>
  (await service.get('/users/sessions', access)).body.sessions[0];
const row = async ({ access }: Member) =>
  (await service.sql('SELECT * FROM user_sessions WHERE id = $1', [sessionOf(access)]))[0]!;
const auditOf = ({ id }: Member, action: string) =>
  service.sql(
    'SELECT actor_id, reason, after, host(ip_address) AS ip FROM audit_logs WHERE target_id = $1 AND action = $2',
    [id, action],
  );
const dayOf = (date: Date) => `${date.toISOString().slice(0, 10)}T00:00:00.000Z`;
const hourOf = (date: Date) => `${date.toISOString().slice(0, 13)}:00:00.000Z`;

describe('the session list does not reveal when a session was refreshed', () => {
  it('shows the expiry rounded to the day, which moves on the next day at the earliest', async () => {
    const member = await service.member();
    await update(`expires_at = now() + interval '10 days 5 hours'`, member);
    const before = await row(member);
    expect((await listed(member)).expires_at).toBe(dayOf(before.expires_at));
    const { body } = await refresh(member.refresh, FIREFOX);
    await refresh(body.refresh_token, FIREFOX);
    const after = await row(member);
    expect(after.expires_at.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    const admin = await service.memberWithRole('admin');
    const places = [
      await listed(member),
      (await service.get('/users/profile/export', member.access)).body.sessions[0],
      (await service.get(`/admin/users/${member.id}`, admin.access)).body.sessions[0],
    ];
    for (const { expires_at } of places) expect(expires_at).toBe(dayOf(before.expires_at));
    await update(`rotated_at = date_trunc('day', now(), 'UTC') - interval '1 second'`, member);
    expect((await listed(member)).expires_at).toBe(dayOf(after.expires_at));
  });

  it('shows the last use rounded to the hour, which moves with requests, not with refreshes', async () => {
    const member = await service.member();
    await update(`last_used = now() - interval '3 hours'`, member);
    const { last_used: before } = await row(member);
    await refresh(member.refresh, FIREFOX);
    expect((await row(member)).last_used).toEqual(before);
    await listed(member);
    await until(async () => (await row(member)).last_used > before);
    expect((await listed(member)).last_used).toBe(hourOf((await row(member)).last_used));
  });

  it('shows the IP address and user agent of the last refresh', async () => {
    const member = await service.member();
    await refresh(member.refresh, FIREFOX, '198.51.100.7');
    expect(await listed(member)).toMatchObject({ ip_address: '198.51.100.7', user_agent: FIREFOX });
  });
});

describe('a refresh token reused within the grace period', () => {
  it.each([
    ['another browser', CHROME],
    ['another platform', WINDOWS_FIREFOX],
    ['a client that nothing is known of', 'curl/8.5.0'],
    ['a client that does not say what it is', null],
  ])('by %s revokes the session and notifies the owner', async (_, agent) => {
    const member = await service.member();
    const { body } = await refresh(member.refresh, FIREFOX);
    expect(word(await refresh(member.refresh, agent))).toBe('401 refresh_token_reused');
    expect(word(await service.get('/users/profile', body.access_token))).toBe('401 unauthenticated');
    expect(await auditOf(member, 'session.revoked')).toHaveLength(1);
    await until(async () => (await mailsTo(member.email, 'refresh_token_reused')).length === 1);
  });

  it.each([
    ['a newer version of the same browser', FIREFOX, NEWER_FIREFOX],
    ['one unknown client after another', 'okhttp/4.12.0', 'python-requests/2.32'],
  ])('by %s returns the same successor', async (_, first, second) => {
    const member = await service.member();
    const { body } = await refresh(member.refresh, first);
    expect((await refresh(member.refresh, second)).body.refresh_token).toBe(body.refresh_token);
  });

  it('from another network returns the same successor and is recorded once in the audit log', async () => {
    const member = await service.member();
    const { body } = await refresh(member.refresh, FIREFOX, '2001:db8:1:2::1');
    const near = await refresh(member.refresh, FIREFOX, '2001:db8:1:2::ffff');
    expect(near.body.refresh_token).toBe(body.refresh_token);
    expect(await auditOf(member, 'session.refresh_repeated')).toEqual([]);
    for (const ip of ['198.51.100.7', '198.51.100.8'])
      expect((await refresh(member.refresh, FIREFOX, ip)).body.refresh_token).toBe(body.refresh_token);
    const after = { session_id: sessionOf(member.access) };
    expect(await auditOf(member, 'session.refresh_repeated')).toEqual([
      { actor_id: null, reason: 'another_network', after, ip: '198.51.100.7' },
    ]);
  });
});

it('sends the owner of reused tokens one mail an hour', async () => {
  const member = await service.member();
  const other = await service.post('/auth/login', { email: member.email, password: member.password });
  for (const token of [member.refresh, other.body.refresh_token]) {
    await refresh(token, FIREFOX);
    expect(word(await refresh(token, CHROME))).toBe('401 refresh_token_reused');
  }
  expect(await auditOf(member, 'session.revoked')).toHaveLength(2);
  await until(async () => (await mailsTo(member.email, 'refresh_token_reused')).length > 0);
  expect(await mailsTo(member.email, 'refresh_token_reused')).toHaveLength(1);
});
