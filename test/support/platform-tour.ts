import { provenMember } from './accounts.js';
import { type Answer, type TestApp, uniqueEmail } from './app.js';
import { addTotp } from './factors.js';
import { picture } from './images.js';

/** Calls every route of the platform's apps and of other services, each with success. */
export async function tourPlatformRoutes(
  service: TestApp,
  ok: (answer: Promise<Answer>) => Promise<unknown>,
  times: number[],
): Promise<void> {
  const { access } = await service.member();
  const [admin, other] = [await service.memberWithRole('admin'), await service.member()];
  for (const count of times) {
    await ok(service.put('/profile', { headline: `${count}`, fullName: `Ada ${count}` }, access));
    await ok(service.post('/profile', { interests: [`${count}`] }, access));
    for (const address of ['/profile', '/profile/preferences']) await ok(service.get(address, access));
  }
  const image = `data:image/png;base64,${(await picture('png')).toString('base64')}`;
  await ok(service.post('/profile/avatar', { image }, access));
  const lists = [
    'users?page=0&search=&status=active',
    'users?search=crowd123',
    'users/stats',
    'users/export?status=active',
  ];
  for (const list of [...lists, 'security/audit-logs', 'security/gdpr/requests'])
    await ok(service.get(`/${list}`, admin.access));
  await ok(service.put(`/users/${other.id}`, { industry: 'Spec', status: 'inactive' }, admin.access));
  await ok(service.post('/users/bulk', { ids: [other.id], action: 'activate' }, admin.access));
  const token = await service.serviceToken();
  for (const count of times) {
    for (const address of ['/validate', '/profile?include=preferences', ''])
      await ok(service.get(`/users/${other.id}${address}`, token));
    await ok(service.post('/users/batch', { user_ids: [other.id] }, token));
    await ok(service.get(`/users/search?q=crowd12${count}`, token));
    await ok(service.put(`/users/${other.id}/preferences`, { age_min: 20 + count }, token));
  }
  await ok(service.delete(`/users/${other.id}`, admin.access));
}

/** Calls every route of administrators under /admin, each with success. */
export async function tourAdminRoutes(service: TestApp, ok: (answer: Promise<Answer>) => Promise<any>): Promise<void> {
  const [{ access }, { id }] = [await service.memberWithRole('admin'), await provenMember(service)];
  const { next } = await ok(service.get('/admin/users', access));
  const lists = [`users?after=${next}`, 'users?search=crowd123', 'users?role=admin', `audit?target=${id}`, 'audit'];
  for (const list of [...lists, 'me', 'permissions', `users/${id}`]) await ok(service.get(`/admin/${list}`, access));
  const reason = 'for a spec';
  const put = (part: string, body: object) =>
    ok(service.put(`/admin/users/${id}/${part}`, { ...body, reason }, access));
  for (const is_active of [false, true]) await put('status', { is_active });
  for (const role of ['admin', 'user']) await put('role', { role });
  await put('email', { email: uniqueEmail() });
  await ok(service.get(`/admin/users/${id}/export`, access));
  const invited = await ok(service.post('/admin/users', { email: uniqueEmail(), name: 'Ada' }, access));
  await ok(service.delete(`/admin/users/${invited.id}`, access, { reason }));
  const { id: factored } = await addTotp(service, await service.member());
  await ok(service.post(`/admin/users/${factored}/mfa/reset`, { reason }, access));
  for (const part of ['unlock', 'sessions/revoke'])
    await ok(service.post(`/admin/users/${id}/${part}`, { reason }, access));
}
