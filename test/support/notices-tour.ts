import { type Answer, type TestApp, uniqueEmail } from './app.js';
import { mailedToken, noticeToken } from './mailbox.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Changes addresses and undoes it, through every route of both. @param ok takes an answer that must be a good one */
export async function tourNotices(service: TestApp, ok: (answer: Promise<Answer>) => Promise<any>, times: number[]) {
  const member = await service.member();
  let email = member.email;
  for (const _ of times) {
    const next = uniqueEmail();
    await ok(service.post('/auth/email/change', { email: next }, member.access));
    await ok(service.post('/auth/email/verify', { token: await mailedToken(next, 'email_change') }, member.access));
    const { next: cursor } = await ok(service.get('/users/security-activity?limit=1', member.access));
    await ok(service.get(`/users/security-activity?after=${cursor}`, member.access));
    email = next;
  }
  const token = await noticeToken(member.email, 'email_changed');
  await ok(service.get(`/auth/account/not-me?token=${token}`));
  await ok(service.post('/auth/account/not-me', { token }));
  const payload = new URLSearchParams({ token }).toString();
  await ok(service.request('POST', '/auth/pages/not-me', { payload, headers: FORM }));
  await service.member({ email });
}
