import { Member, TestApp } from './support/app.js';
import { bodyOf, bodyRoutes } from './support/body-routes.js';

let service: TestApp;
let admin: Member;
let target: Member;

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
  target = await service.member();
});
afterAll(() => service.stopAndDrop());

describe('a text that is too long by one character', () => {
  // Each is two code points, the second of which only chooses how the first one looks.
  const hearts = (characters: number) => '❤️'.repeat(characters / 2);

  it('is refused by the name of its field, as PostgreSQL counts it', async () => {
    for (const route of await bodyRoutes(service))
      for (const [field, { maxLength }] of Object.entries(route.fields)) {
        if (maxLength === undefined) continue;
        const { access } = route.path.startsWith('/admin') ? admin : target;
        const url = route.path.replace('{id}', target.id);
        const odd = bodyOf(route, { [field]: `${hearts(maxLength)}${'x'.repeat((maxLength % 2) + 1)}` });
        const { status, body } = await service.request(route.method, url, { body: odd, token: access });
        const error = {
          type: 'validation_failed',
          details: expect.arrayContaining([expect.objectContaining({ field })]),
        };
        expect([url, field, status, body.error]).toMatchObject([url, field, 400, error]);
      }
    expect((await service.get(`/admin/users?search=${encodeURIComponent(hearts(102))}`, admin.access)).status).toBe(
      400,
    );
  });

  it('is told from one that just fits', async () => {
    for (const name of ['😀'.repeat(255), `${hearts(254)}x`, 'x'.repeat(255)])
      expect(await service.put('/users/profile', { name }, target.access)).toMatchObject({
        status: 200,
        body: { name },
      });
    const industries = ['😀'.repeat(100), hearts(100)];
    expect((await service.put('/users/preferences', { industries }, target.access)).status).toBe(200);
    expect((await service.put('/users/preferences', { industries: [hearts(102)] }, target.access)).status).toBe(400);
  });
});

describe('a text that is far too long', () => {
  // Marks out of their canonical order: putting them in order takes time by the square of their number.
  const marks = '\u0301\u0316'.repeat(50_000);

  it.each(['/auth/login', '/auth/register', '/auth/password/forgot', '/auth/email/resend'])(
    'is refused at once as an address, and holds nobody up: %s',
    async (url) => {
      const body = { email: marks, name: 'Ada', password: 'correct horse battery' };
      const begun = performance.now();
      expect((await service.post(url, body)).body.error.type).toBe('validation_failed');
      expect(performance.now() - begun).toBeLessThan(1500);
    },
  );
});
