import bcrypt from 'bcrypt';
import { hashingWaiting } from '../src/common/logging/metrics.js';
import { TestApp } from './support/app.js';
import { LIMITED, login, newClient, tally, times, WRONG } from './support/sign-ins.js';
import { until } from './support/until.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start({ ...LIMITED, RATE_LIMIT_SIGN_INS: '3', RATE_LIMIT_WRITES: '2' });
});
afterAll(() => service.stopAndDrop());

describe('sign-ins with the right password', () => {
  it('are limited per account and client', async () => {
    const { email, password } = await service.member();
    const other = await service.member();
    const from = newClient();
    expect(tally(await times(5, () => login(service, email, password, from)))).toEqual({ 200: 3, 429: 2 });
    const refused = await login(service, email, password, from);
    expect([refused.body.error.type, refused.headers['ratelimit-limit']]).toEqual(['rate_limited', '3']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3000);
    expect((await login(service, email, password, newClient())).status).toBe(200);
    expect((await login(service, other.email, other.password, from)).status).toBe(200);
  });

  it('are limited if they are concurrent', async () => {
    const { email, password } = await service.member();
    const from = newClient();
    const answers = await Promise.all(Array.from({ length: 12 }, () => login(service, email, password, from)));
    expect(tally(answers)).toEqual({ 200: 3, 429: 9 });
  });

  it('are not counted with wrong ones', async () => {
    const { email, password } = await service.member();
    const from = newClient();
    await times(5, () => login(service, email, WRONG, from));
    expect((await login(service, email, password, from)).status).toBe(200);
  });
});

describe('writes', () => {
  it('are limited per member, not per client', async () => {
    const [member, other] = [await service.member(), await service.member()];
    const change = (token: string) =>
      service.request('PUT', '/users/profile', { body: { bio: 'x' }, token, remoteAddress: newClient() });
    const answers = await times(4, () => change(member.access));
    expect(tally(answers)).toEqual({ 200: 2, 429: 2 });
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['1', '0', '0', '0']);
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
    expect((await change(other.access)).status).toBe(200);
  });

  it('are counted on every route except sign-out and refresh', async () => {
    const member = await service.member();
    await times(2, () => service.put('/users/preferences', {}, member.access));
    const { paths } = (await service.get('/docs-json')).body;
    const routes = Object.entries<any>(paths).flatMap(([path, operations]) =>
      Object.entries<any>(operations)
        // An empty requirement makes the token optional, so the route counts as public; other services have a limit of their own.
        .filter(([method, { security }]) => method !== 'get' && security?.length > 0)
        .filter(([, { security }]) => security.every((one: object) => 'bearer' in one))
        .map(([method]) => [method.toUpperCase(), path.replace(/\{\w+\}/g, member.id)] as const),
    );
    expect(routes.length).toBeGreaterThan(10);
    const counted = routes.filter(([, path]) => path !== '/auth/logout');
    const answers = await Promise.all(
      counted.map(async ([method, path]) => {
        const { status, body } = await service.request(method as 'PUT', path, { token: member.access });
        return `${method} ${path}: ${status} ${body.error?.type}`;
      }),
    );
    expect(answers).toEqual(counted.map(([method, path]) => `${method} ${path}: 429 rate_limited`));
    expect((await service.post('/auth/refresh', { refresh_token: member.refresh })).status).toBe(200);
    expect((await service.post('/auth/logout', {}, member.access)).status).toBe(204);
  });
});

describe('a flood of sign-ins that fills the queue of hashes', () => {
  const FLOOD = 40;
  let unlimited: TestApp;

  beforeAll(async () => {
    unlimited = await TestApp.start();
  });
  afterAll(() => unlimited.stop());

  /** Passwords in the order in which their comparison started; each call of `release` finishes one. */
  function heldComparisons() {
    const begun: string[] = [];
    const gates: (() => void)[] = [];
    const spy = jest.spyOn(bcrypt, 'compare').mockImplementation(async (password) => {
      begun.push(String(password));
      await new Promise<void>((resolve) => gates.push(resolve));
      return false;
    });
    return { begun, release: () => gates.shift()?.(), restore: () => spy.mockRestore() };
  }

  it.each([
    ['of one client delays another client by one comparison', newClient(), newClient(), {}],
    [
      'of one account delays another account of the same client by one comparison',
      '10.0.0.1',
      '10.0.0.1',
      { 'x-forwarded-for': '192.0.2.9' },
    ],
  ])('%s', async (_, flooding, other, headers) => {
    const [victim, member] = [await unlimited.member(), await unlimited.member()];
    // Hashes of an earlier release are compared with the password as it was typed.
    const hash = await bcrypt.hash('another password', 4);
    await unlimited.sql('UPDATE users SET password_hash = $2 WHERE id = ANY($1)', [[victim.id, member.id], hash]);
    const held = heldComparisons();
    const waiting = async () => (await hashingWaiting.get()).values[0]!.value;
    const flood = Array.from({ length: FLOOD }, () => login(unlimited, victim.email, 'flood', flooding, headers));
    await until(async () => (await waiting()) === FLOOD - held.begun.length && held.begun.length > 0);
    const running = held.begun.length;
    const single = login(unlimited, member.email, 'single', other, headers);
    await until(async () => (await waiting()) === FLOOD - running + 1);
    held.release();
    await until(() => held.begun.length === running + 1);
    expect(held.begun.at(-1)).toBe('single');
    const releases = setInterval(held.release, 1);
    await Promise.all([...flood, single]);
    clearInterval(releases);
    held.restore();
  });
});
