import { type Answer, type Member, TestApp } from './support/app.js';
import { addTotp, aged, signInByTotp } from './support/factors.js';

interface StaffRoute {
  name: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  permission: string;
}

const MODERATORS = ['admin:access', 'users:read', 'moderation:read'];
const NO_UUID = '42';
/** Bodies with which a route comes as far as the account. */
const BODIES: Record<string, object> = {
  'PUT /admin/users/{id}/status': { is_active: false, reason: 'for the spec' },
  'PUT /admin/users/{id}/role': { role: 'user', reason: 'for the spec' },
  'PUT /admin/users/{id}/email': { email: 'new@example.com', reason: 'for the spec' },
  'DELETE /admin/users/{id}': { reason: 'for the spec' },
  'POST /admin/users/{id}/mfa/reset': { reason: 'for the spec' },
  'POST /admin/users/{id}/unlock': { reason: 'for the spec' },
  'PUT /users/{id}': {},
};
/** Reads of personal data in bulk, which moderators must not. */
const PERSONAL = new Set(['GET /users/export', 'GET /admin/users/{id}/export']);
/** An administrator may do this to the own account too. */
const ALLOWED_ON_OWN = new Set(['POST /admin/users/{id}/sessions/revoke']);

let service: TestApp;
let member: Member;
let moderator: Member;
let admin: Member;
let routes: StaffRoute[];

const ask = ({ name, method, path }: StaffRoute, id: string, token?: string, app = service): Promise<Answer> =>
  app.request(method, path.replace('{id}', id), { token, body: method === 'GET' ? undefined : BODIES[name] });
const refusal = ({ status, body }: Answer) => [status, body.error?.type];

beforeAll(async () => {
  service = await TestApp.start();
  [member, moderator, admin] = [
    await service.member(),
    await service.memberWithRole('moderator'),
    await service.memberWithRole('admin'),
  ];
  const { paths } = (await service.get('/docs-json')).body as { paths: Record<string, Record<string, object>> };
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([verb, operation]) => {
      const permission = (operation as { 'x-permission'?: string })['x-permission'];
      const method = verb.toUpperCase() as StaffRoute['method'];
      return permission ? [{ name: `${method} ${path}`, method, path, permission }] : [];
    }),
  );
});
afterAll(() => service.stopAndDrop());

describe('every route for staff', () => {
  it('is declared, including all under /admin', async () => {
    const { paths } = (await service.get('/docs-json')).body;
    const under = Object.keys(paths).filter((path) => path.startsWith('/admin/'));
    expect(under.length).toBeGreaterThan(5);
    expect(new Set(routes.map(({ path }) => path))).toEqual(new Set([...under, ...routes.map(({ path }) => path)]));
    for (const path of under)
      for (const verb of Object.keys(paths[path]))
        expect(routes.map(({ name }) => name)).toContain(`${verb.toUpperCase()} ${path}`);
  });

  it('is 401 without a token, 403 for users', async () => {
    for (const route of routes) {
      expect([route.name, ...refusal(await ask(route, member.id))]).toEqual([route.name, 401, 'unauthenticated']);
      expect([route.name, ...refusal(await ask(route, admin.id, member.access))]).toEqual([
        route.name,
        403,
        'forbidden',
      ]);
    }
  });

  it('allows moderators to read what they may, and is 403 elsewhere', async () => {
    for (const route of routes) {
      const { status } = await ask(route, member.id, moderator.access);
      const allowed = MODERATORS.includes(route.permission) && route.method === 'GET';
      expect([route.name, status]).toEqual([route.name, allowed ? 200 : 403]);
    }
  });

  it('requires a write permission if it writes', () => {
    for (const { name, method, permission } of routes)
      expect([name, /:(write|manage)$/.test(permission)]).toEqual([name, method !== 'GET' || PERSONAL.has(name)]);
  });

  it('checks the id, and refuses changes of the own account and of the last administrator', async () => {
    for (const route of routes.filter(({ path }) => path.includes('{id}'))) {
      expect([route.name, (await ask(route, NO_UUID, admin.access)).status]).toEqual([route.name, 400]);
      if (route.method === 'GET' || ALLOWED_ON_OWN.has(route.name)) continue;
      expect([route.name, ...refusal(await ask(route, admin.id, admin.access))]).toEqual([
        route.name,
        409,
        'own_account',
      ]);
    }
  });
});

describe('the second factor of an administrator', () => {
  const writes = () => routes.filter(({ permission }) => permission.endsWith(':write'));
  const reads = () => routes.filter(({ permission }) => !permission.endsWith(':write'));

  it('is required within ten minutes by every route that writes, and by no other', async () => {
    const guarded = await addTotp(service, await service.memberWithRole('admin'));
    const { body } = await signInByTotp(service, guarded);
    const old = await aged(service, { access: body.access_token, refresh: body.refresh_token });
    for (const route of writes()) {
      for (const token of [guarded.access, old]) {
        const answer = await ask(route, member.id, token);
        expect([route.name, ...refusal(answer)]).toEqual([route.name, 403, 'recent_sign_in_required']);
        expect(answer.body.methods).toEqual(['totp', 'recovery_code']);
      }
      expect([route.name, (await ask(route, NO_UUID, body.access_token)).status]).not.toEqual([route.name, 403]);
    }
    for (const route of reads())
      expect([route.name, (await ask(route, member.id, old)).status]).toEqual([route.name, 200]);
  });

  it('must exist where ADMIN_REQUIRE_MFA says so', async () => {
    const strict = await TestApp.start({ ADMIN_REQUIRE_MFA: 'true' });
    for (const route of writes())
      expect([route.name, ...refusal(await ask(route, member.id, admin.access, strict))]).toEqual([
        route.name,
        403,
        'mfa_required',
      ]);
    for (const route of reads())
      expect([route.name, (await ask(route, member.id, admin.access, strict)).status]).toEqual([route.name, 200]);
    await strict.stop();
  });
});

describe('GET /admin/permissions', () => {
  it('lists the permissions of a moderator', async () => {
    expect((await service.get('/admin/permissions', moderator.access)).body).toEqual({
      permissions: MODERATORS,
      roles: ['moderator'],
    });
  });
});
