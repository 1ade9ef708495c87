import { randomInt } from 'node:crypto';
import { Answer, Member, TestApp } from '../support/app.js';
import { BodyRoute, bodyOf, bodyRoutes, callersOf, type TokenOf, tryValues } from '../support/body-routes.js';

const JSON_TYPE = { 'content-type': 'application/json' };

let service: TestApp;
let routes: BodyRoute[];
let admin: Member;
let tokenOf: TokenOf;
/** Whom administrators' requests are about. */
let target: Member;

beforeAll(async () => {
  service = await TestApp.start();
  ({ admin, tokenOf } = await callersOf(service));
  target = await service.member();
  routes = await bodyRoutes(service);
});
afterAll(() => service.stopAndDrop());

/** Names that every object has. */
const INHERITED = ['constructor', 'hasOwnProperty', 'toString', 'valueOf', 'isPrototypeOf', '__defineGetter__'];
/** Names that mean something to code which is handed an object. */
const SPECIAL = ['prototype', 'then', 'toJSON', 'length', 'name', 'message', ''];

const nested = (levels: number) => JSON.parse('{"a":['.repeat(levels) + ']}'.repeat(levels));

const TEXTS = [
  '',
  ' ',
  'x',
  'x'.repeat(10_000),
  '\u202e\ufeff\uffff',
  '❤️'.repeat(3000),
  '9'.repeat(10_000),
  '%00',
  '\u0001',
];
const NUMBERS = [0, -1, 1.5, 1e308, 2 ** 53, 1e21];
const LISTS = [[], [[]], [{}], [null], [nested(20)], Array.from({ length: 1000 }, (_, index) => index)];

const VALUES: unknown[] = [
  ...TEXTS,
  ...NUMBERS,
  ...LISTS,
  null,
  true,
  {},
  nested(20),
  { length: -1 },
  { length: 1e9 },
  ...INHERITED.flatMap((name) => [{ [name]: 1 }, [{ [name]: null }], { a: { [name]: 'x' } }]),
  ...SPECIAL.flatMap((name) => [{ [name]: 1 }, [{ [name]: null }]]),
];

/** True for an answer that the contract knows. */
function isMeant({ status, body }: Answer): boolean {
  const { error, message, request_id: id } = body;
  if (status < 300) return true;
  return status < 500 && error.code === status && error.message === message && Array.isArray(error.details) && !!id;
}

/** Large bodies of one client are spaced. */
const anyAddress = () => `10.${[0, 0, 0].map(() => randomInt(256)).join('.')}`;

/** The answer, and its faults if it was not meant. */
async function ask(route: BodyRoute, token: string, payload: string) {
  const url = route.path.replace('{id}', target.id);
  const options = { payload, token, headers: JSON_TYPE, remoteAddress: anyAddress() };
  const answer = await service.request(route.method, url, options);
  const fault = `${route.method} ${url} ${payload.slice(0, 200)}: ${answer.text.slice(0, 200)}`;
  return { answer, faults: isMeant(answer) ? [] : [fault] };
}

/** Uses a new member for each route: some bodies revoke sessions or delete an account. */
async function complaints(bodies: (route: BodyRoute) => string[]): Promise<string[]> {
  const found: string[] = [];
  for (const route of routes) {
    const access = tokenOf(route, await service.member());
    for (const payload of bodies(route)) found.push(...(await ask(route, access, payload)).faults);
  }
  return found;
}

describe('a text one character too long', () => {
  // Each is two code points, the second of which only chooses how the first one looks.
  const hearts = (characters: number) => '❤️'.repeat(characters / 2);

  it('is refused with its field, counted as PostgreSQL counts', async () => {
    for (const route of routes)
      for (const [field, { maxLength }] of Object.entries(route.fields)) {
        if (maxLength === undefined) continue;
        const access = tokenOf(route, target);
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

  it('is distinguished from the longest allowed text', async () => {
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
  const marks = '\u0301\u0316'.repeat(4000);

  it.each(['/auth/login', '/auth/register', '/auth/password/forgot', '/auth/email/resend'])(
    'is refused as an address before it is put in order: %s',
    async (url) => {
      const route = routes.find(({ path }) => path === url)!;
      const { error } = (await service.post(url, bodyOf(route, { email: marks }))).body;
      expect(error.details).toMatchObject([{ field: 'email', rule: 'too_long' }]);
    },
  );
});

describe('a body of odd fields', () => {
  it('never causes a 500 with any odd field', async () => {
    expect(routes.length).toBeGreaterThan(15);
    const found = await complaints((route) => VALUES.map((value) => JSON.stringify(bodyOf(route, { unknown: value }))));
    for (const route of routes) {
      const access = tokenOf(route, await service.member());
      await tryValues(route, VALUES, async (body) => {
        const { answer, faults } = await ask(route, access, JSON.stringify(body));
        found.push(...faults);
        return answer;
      });
    }
    expect(found.slice(0, 9)).toEqual([]);
  }, 120_000);

  it('never causes a 500 with any kind of body', async () => {
    const wholes = 'null true 0 -0 1e400 "" [] [{}] {"":{}} {"a":1,"a":2} "constructor"'.split(' ');
    const poisoned = ['{"__proto__":{"a":1}}', '{"__proto__":1}', '{"constructor":{"prototype":{"a":1}}}'];
    expect(await complaints(() => [...wholes, ...poisoned])).toEqual([]);
  });

  it('is refused with the field if it is named like a property of every object', async () => {
    for (const route of routes)
      for (const name of INHERITED) {
        const url = route.path.replace('{id}', target.id);
        const answer = await service.request(route.method, url, {
          body: bodyOf(route, { [name]: 1 }),
          token: tokenOf(route, admin),
        });
        const error = { type: 'validation_failed', details: [{ field: name }] };
        expect([url, answer.status, answer.body.error]).toMatchObject([url, 400, error]);
      }
  });

  it('keeps a device description under any other name', async () => {
    const { email, password } = await service.member();
    const device = JSON.parse('{"then":1,"prototype":{"name":[null,{"length":2}]},"toJSON":"x","":{"a":[[1.5]]}}');
    const { body: signedIn } = await service.post('/auth/login', { email, password, device_info: device });
    const { body: own } = await service.get('/users/sessions', signedIn.access_token);
    expect(own.sessions.find(({ current }: { current: boolean }) => current).device_info).toEqual(device);
    const odd = { email, password, device_info: { a: [{ constructor: 1 }] } };
    expect((await service.post('/auth/login', odd)).body.error).toMatchObject({
      type: 'validation_failed',
      details: [{ field: 'device_info.a.0.constructor' }],
    });
  });
});

describe('a query of odd parameters', () => {
  const QUERIES = [
    ...[...INHERITED, '__proto__', 'constructor[prototype]', '__proto__[a]'].map((name) => `${name}=1`),
    ...['search', 'limit', 'page', 'sort', 'after', 'role', 'is_active', 'from', 'actor', 'code', 'state'].flatMap(
      (name) =>
        ['a&N=b', '', '%00', '%', '%ff', '1e400', '-0', '[]', '{}', '9'.repeat(3000), 'null'].map(
          (value) => `${name}=${value.replace('N', name)}`,
        ),
    ),
  ];

  it('never causes a 500', async () => {
    const { access } = admin;
    const found: string[] = [];
    for (const path of [
      '/admin/users',
      '/admin/audit',
      '/auth/oauth/google',
      '/auth/google/callback',
      '/users/profile',
    ])
      for (const query of QUERIES) {
        const { status, text } = await service.get(`${path}?${query}`, access);
        if (status >= 500) found.push(`${status} ${path}?${query.slice(0, 100)}: ${text}`);
      }
    expect(found.slice(0, 9)).toEqual([]);
  });

  it('is refused with the parameter if it is named like a property of every object', async () => {
    for (const name of [...INHERITED, '__proto__'])
      expect(await service.get(`/admin/users?${name}=1`, admin.access)).toMatchObject({
        status: 400,
        body: { error: { type: 'validation_failed', details: [{ field: name }] } },
      });
  });
});
