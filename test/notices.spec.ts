import { auditOf, provenMember } from './support/accounts.js';
import { Member, TestApp } from './support/app.js';
import { linkIn, mailsTo, mailTo, noticeToken } from './support/mailbox.js';
import { word } from './support/sessions.js';
import { login } from './support/sign-ins.js';

const NEXT = 'another horse battery';
const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const report = (token: string) => service.post('/auth/account/not-me', { token });

/** Changes the password, which sends a notice. */
async function changePassword(member: Member): Promise<void> {
  const body = { current_password: member.password, new_password: NEXT };
  expect((await service.post('/auth/password/change', body, member.access)).status).toBe(204);
}

describe('a notice', () => {
  it('names time, device and network, and only names from a list', async () => {
    const member = await provenMember(service);
    const change = (agent: string, from: string) =>
      service.request('POST', '/auth/password/change', {
        body: { current_password: member.password, new_password: member.password + from },
        headers: { 'user-agent': agent, authorization: `Bearer ${member.access}` },
        remoteAddress: from,
      });
    expect((await change(CHROME, '2001:db8:1:2::7')).status).toBe(204);
    const { text } = await mailTo(member.email, 'password_changed');
    expect(text).toMatch(/^Time: \w+ \d+, 20\d\d at [\d:]+ [AP]M UTC$/m);
    expect(text).toMatch(/^Device: Chrome on Windows$/m);
    expect(text).toMatch(/^Network: 2001:db8:1:2::\/64$/m);
    member.password += '2001:db8:1:2::7';
    const hostile = `Evil<b>/1.0 (Windows NT 10.0) ${'x'.repeat(400)}`;
    expect((await change(hostile, '192.0.2.7')).status).toBe(204);
    const { text: second, html } = await mailTo(member.email, 'password_changed', 2);
    expect(second).toMatch(/^Device: Windows$/m);
    expect(`${second}${html as string}`).not.toContain('Evil');
  });

  it('is written in French for a French account', async () => {
    const member = await provenMember(service);
    await service.sql(`UPDATE users SET locale = 'fr' WHERE id = $1`, [member.id]);
    await changePassword(member);
    const { text } = await mailTo(member.email, 'password_changed');
    expect(text).toMatch(/^Date: \d+ \p{L}+ 20\d\d à [\d:]+ UTC$/mu);
    expect(text).toContain('Ce n’était pas moi');
  });

  it.each([
    ['role', { role: 'moderator' }, 'moderator'],
    ['status', { is_active: false, reason: 'spam' }, 'deactivated'],
  ] as const)('tells of a change of the %s, without the place of the administrator', async (field, body, words) => {
    const [admin, member] = [await service.memberWithRole('admin'), await provenMember(service)];
    const answer = await service.put(`/admin/users/${member.id}/${field}`, body, admin.access);
    expect(answer.status).toBe(200);
    const { text } = await mailTo(member.email, `${field}_changed`);
    expect(text).toContain(words);
    expect(text).not.toMatch(/Device|Network/);
    expect(word(await report(await noticeToken(member.email, `${field}_changed`)))).toBe('204');
  });
});

describe('a sign-in', () => {
  const from = (member: Member, address: string, agent = CHROME) =>
    login(service, member.email, member.password, address, { 'user-agent': agent });

  it('on a new device or network sends one mail an hour', async () => {
    const member = await service.member();
    expect(await mailsTo(member.email, 'new_device')).toEqual([]);
    await from(member, '198.51.100.1');
    const first = await mailTo(member.email, 'new_device');
    expect(first.text).toMatch(/^Device: Chrome on Windows$/m);
    await from(member, '198.51.100.1');
    await from(member, '198.51.100.2');
    await from(member, '198.51.100.2', CHROME.replace('Chrome/143', 'Firefox/140'));
    const waiting = `SELECT FROM mail_queue WHERE user_id = $1 AND kind = 'new_device' AND contents <> ''`;
    expect(await service.sql(waiting, [member.id])).toHaveLength(1);
    expect(await mailsTo(member.email, 'new_device')).toHaveLength(1);
    const audited = (await auditOf(service, member.id)).map(({ action }) => action);
    expect(audited.filter((action) => action === 'sign_in.new_device')).toHaveLength(3);
  });

  it('counts as new on an old account whose sessions were deleted', async () => {
    const member = await service.member();
    await service.sql('DELETE FROM user_sessions WHERE user_id = $1', [member.id]);
    await from(member, '198.51.100.3');
    expect((await auditOf(service, member.id)).map(({ action }) => action)).not.toContain('sign_in.new_device');
    await service.sql('DELETE FROM user_sessions WHERE user_id = $1', [member.id]);
    await service.sql(`UPDATE users SET created_at = now() - interval '31 days' WHERE id = $1`, [member.id]);
    await from(member, '198.51.100.3');
    expect((await auditOf(service, member.id)).map(({ action }) => action)).toContain('sign_in.new_device');
  });
});

it('links to the front end where there is one', async () => {
  const other = await TestApp.start({ APP_PUBLIC_URL: 'https://app.example' });
  const member = await other.member();
  await other.post('/auth/password/change', { current_password: member.password, new_password: NEXT }, member.access);
  expect(linkIn(await mailTo(member.email, 'password_changed')).href).toMatch(
    /^https:\/\/app\.example\/not-me\?token=/,
  );
  await other.stop();
});
