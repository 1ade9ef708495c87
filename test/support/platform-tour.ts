import type { Answer, TestApp } from './app.js';
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
