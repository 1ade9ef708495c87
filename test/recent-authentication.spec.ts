import { decode } from 'jsonwebtoken';
import { SENSITIVE_ROUTES } from '../src/auth/step-up/sensitive-routes.js';
import { type Answer, TestApp, uniqueEmail } from './support/app.js';
import { addTotp, aged, signInByTotp, totpCode, type WithTotp } from './support/factors.js';
import { word } from './support/sessions.js';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

const NO_ID = '00000000-0000-4000-8000-000000000000';
const NEW_PASSWORD = 'another fine phrase 7';
/** Routes that change something and need no recent authentication. */
const EXEMPT = [
  // Sign-ins, sign-ups and mailed links.
  'POST /auth/register',
  'POST /auth/login',
  'POST /auth/mfa/options',
  'POST /auth/mfa/verify',
  'POST /auth/passkeys/options',
  'POST /auth/passkeys/login',
  'POST /auth/passkeys/register/options',
  'POST /auth/passkeys/register',
  'POST /auth/reauthenticate',
  'POST /auth/refresh',
  'POST /auth/verify',
  'POST /auth/password/forgot',
  'POST /auth/password/reset',
  'POST /auth/email/verify',
  'POST /auth/email/resend',
  'POST /auth/account/not-me',
  'POST /auth/pages/password-reset',
  'POST /auth/pages/email-verify',
  'POST /auth/pages/not-me',
  'POST /auth/google',
  'POST /auth/google/callback',
  'POST /auth/linkedin',
  'POST /auth/linkedin/callback',
  'POST /auth/oauth/google',
  'POST /auth/oauth/linkedin',
  'POST /auth/oauth/exchange',
  // Ending sessions.
  'POST /auth/logout',
  'DELETE /users/sessions',
  'DELETE /users/sessions/:id',
  // A name.
  'PUT /users/passkeys/:id',
  // What other members see.
  'PUT /users/profile',
  'POST /users/profile/avatar',
  'DELETE /users/profile/avatar',
  'PUT /users/preferences',
  // Routes of other services and of staff.
  'POST /users/batch',
  'PUT /users/:id/preferences',
  'POST /users/bulk',
  'PUT /users/:id',
  'DELETE /users/:id',
];

const ROWS = Object.entries(SENSITIVE_ROUTES).map(([route, { password }]) => ({ route, password }));

/** Further fields that a route requires. */
const EXTRA: Record<string, object> = {
  'POST /auth/password/change': { new_password: NEW_PASSWORD },
  'POST /auth/email/change': { email: uniqueEmail() },
};

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

/** All routes of the server, from Fastify's tree, in which children continue their parent's path. */
function routesOf({ app }: TestApp): string[] {
  const path: string[] = [];
  const lines = app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }).split('\n');
  return lines.flatMap((line) => {
    const [, indent, part, methods] = /^([│ ]*)[├└]── (\S+) \((.*)\)$/.exec(line) ?? [];
    if (indent === undefined) return [];
    path.splice(indent.length / 4, Infinity, part!);
    return methods!.split(', ').map((method) => `${method} ${path.join('')}`);
  });
}

function call(route: string, token: string, body?: object): Promise<Answer> {
  const [method, path] = route.split(' ') as [Method, string];
  const url = path.replace(':id', NO_ID).replace(':provider', 'google');
  const hasBody = method !== 'GET' && (method !== 'DELETE' || body);
  return service.request(method, url, { token, body: hasBody ? (body ?? {}) : undefined });
}

const reauthenticate = (token: string, body: object) => service.post('/auth/reauthenticate', body, token);
const claims = (token: string) => decode(token) as { auth_time: number; acr: string; amr: string[] };
const withTotp = async (): Promise<WithTotp> => addTotp(service, await service.member());

it('decides for every route under /users and /auth that changes something', () => {
  const routes = routesOf(service);
  expect(routes).toEqual(expect.arrayContaining([...EXEMPT, ...Object.keys(SENSITIVE_ROUTES)]));
  const writes = routes.filter((route) => /^(POST|PUT|PATCH|DELETE) \/(users|auth)\b/.test(route));
  const sensitive = Object.keys(SENSITIVE_ROUTES).filter((route) => !route.startsWith('GET'));
  expect(writes.sort()).toEqual([...EXEMPT, ...sensitive].sort());
});

describe.each(ROWS)('$route', ({ route, password }) => {
  it('refuses a token whose authentication is older than ten minutes, and names the password', async () => {
    const answer = await call(route, await aged(service, await service.member()));
    expect([word(answer), answer.body.methods]).toEqual(['403 recent_sign_in_required', ['password']]);
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });

  it('accepts one of the last ten minutes', async () => {
    const token = await aged(service, await service.member(), 590);
    expect((await call(route, token)).status).not.toBe(403);
  });

  it('requires the second factor of an account that has one', async () => {
    const member = await withTotp();
    const methods = ['totp', 'recovery_code'];
    const bodies = password ? [undefined, { [password]: member.password, new_password: NEW_PASSWORD }] : [undefined];
    for (const body of bodies) {
      const answer = await call(route, member.access, body);
      expect([word(answer), answer.body.methods]).toEqual(['403 recent_sign_in_required', methods]);
    }
    const { body } = await reauthenticate(member.access, { code: totpCode(member.secret) });
    expect((await call(route, body.access_token)).status).not.toBe(403);
  });

  it('refuses a second factor older than ten minutes', async () => {
    const { body } = await signInByTotp(service, await withTotp());
    const old = await aged(service, { access: body.access_token, refresh: body.refresh_token });
    expect(claims(old).acr).toBe('aal2');
    expect(word(await call(route, old))).toBe('403 recent_sign_in_required');
  });

  if (password)
    it('takes the right password in the request instead, and refuses a wrong one', async () => {
      const member = await service.member();
      const token = await aged(service, member);
      const extra = EXTRA[route];
      expect(word(await call(route, token, { ...extra, [password]: 7 }))).toBe('403 recent_sign_in_required');
      expect(word(await call(route, token, { ...extra, [password]: 'wrong' }))).toBe('401 invalid_credentials');
      expect(word(await call(route, token, { ...extra, [password]: member.password }))).toMatch(/^20[24]$/);
    });
});

describe('ending sessions', () => {
  it('needs no recent authentication', async () => {
    const token = await aged(service, await service.member());
    expect((await service.delete('/users/sessions', token)).status).toBe(204);
    expect((await service.post('/auth/logout', { all: true }, token)).status).toBe(204);
  });
});
