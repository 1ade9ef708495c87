import { Answer, TestApp, uniqueEmail } from './support/app.js';
import { LIMITED, login, newClient, tally, times, WRONG } from './support/sign-ins.js';

let service: TestApp;

const shown = ({ status, body, headers }: Answer) => [
  status,
  body.error?.type,
  Number(headers['ratelimit-limit']),
  Number(headers['ratelimit-remaining']),
  Number(headers['ratelimit-reset']) > 890,
  headers['retry-after'] === undefined ? null : Number(headers['retry-after']) > 890,
];

beforeAll(async () => {
  service = await TestApp.start(LIMITED);
});
afterAll(() => service.stopAndDrop());

describe('ten failures of an address from one client', () => {
  it('lock out the client: the right password is refused for a whole window', async () => {
    const { email, password } = await service.member();
    const from = newClient();
    const failures = await times(10, () => login(service, email, WRONG, from));
    expect(failures.map(({ status }) => status)).toEqual(Array(10).fill(401));
    expect(failures.map(({ headers }) => Number(headers['ratelimit-remaining']))).toEqual([
      9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    ]);
    expect(shown(await login(service, email, password, from))).toEqual([429, 'rate_limited', 10, 0, true, true]);
  });

  it('are answered the same for an address without an account', async () => {
    const { email } = await service.member();
    const [known, unknown] = await Promise.all(
      [email, uniqueEmail()].map((address) => {
        const from = newClient();
        return times(12, async () => shown(await login(service, address, WRONG, from)));
      }),
    );
    expect(unknown).toEqual(known);
    expect(known!.map(([status]) => status)).toEqual([...Array(10).fill(401), 429, 429]);
  });

  it('revoke no session and affect no other client or account', async () => {
    const member = await service.member();
    const other = await service.member();
    const from = newClient();
    await times(11, () => login(service, member.email, WRONG, from));
    const profile = await service.request('GET', '/users/profile', { token: member.access, remoteAddress: from });
    expect(profile.status).toBe(200);
    expect((await login(service, member.email, member.password, newClient())).status).toBe(200);
    expect((await login(service, other.email, other.password, from)).status).toBe(200);
  });

  it('are no more than ten if they are concurrent', async () => {
    const { email, password } = await service.member();
    const from = newClient();
    const answers = await Promise.all(Array.from({ length: 50 }, () => login(service, email, WRONG, from)));
    expect(tally(answers)).toEqual({ 401: 10, 429: 40 });
    expect((await login(service, email, password, from)).status).toBe(429);
  });
});

describe('right passwords', () => {
  it('do not count, sequential or concurrent', async () => {
    const { email, password } = await service.member();
    const from = newClient();
    await times(9, () => login(service, email, WRONG, from));
    expect(tally(await times(15, () => login(service, email, password, from)))).toEqual({ 200: 15 });
    const atOnce = await Promise.all(Array.from({ length: 30 }, () => login(service, email, password, from)));
    expect(tally(atOnce)).toEqual({ 200: 30 });
    expect((await login(service, email, WRONG, from)).status).toBe(401);
    expect((await login(service, email, password, from)).status).toBe(429);
  });

  it('are not locked out by a wrong one among them', async () => {
    const { email, password } = await service.member();
    const from = newClient();
    const atOnce = await Promise.all(
      Array.from({ length: 20 }, (_, index) => login(service, email, index === 9 ? WRONG : password, from)),
    );
    expect(tally(atOnce)).toEqual({ 200: 19, 401: 1 });
    expect((await login(service, email, password, from)).status).toBe(200);
  });
});

describe('many clients and many addresses', () => {
  it('are limited by address and by client', async () => {
    const strict = await TestApp.start({ ...LIMITED, RATE_LIMIT_LOGIN_ADDRESS: '12', RATE_LIMIT_LOGIN_IP: '15' });
    const { email, password } = await strict.member();
    const byAddress = await times(14, () => login(strict, email, WRONG, newClient()));
    expect(tally(byAddress)).toEqual({ 401: 12, 429: 2 });
    expect((await login(strict, email, password, newClient())).status).toBe(429);
    const from = newClient();
    const byClient = await times(17, () => login(strict, uniqueEmail(), WRONG, from));
    expect(tally(byClient)).toEqual({ 401: 15, 429: 2 });
    await strict.stop();
  });

  it('count as one client if only X-Forwarded-For differs', async () => {
    const { email } = await service.member();
    const from = newClient();
    const direct = await times(11, (index) =>
      login(service, email, WRONG, from, { 'x-forwarded-for': `203.0.113.${index}` }),
    );
    expect(tally(direct)).toEqual({ 401: 10, 429: 1 });
    const proxied = await TestApp.start({ ...LIMITED, TRUST_PROXY_HOPS: '1' });
    const behind = await times(11, (index) =>
      login(proxied, email, WRONG, '10.0.0.1', {
        'x-forwarded-for': `203.0.113.${index}, 192.0.2.9`,
      }),
    );
    expect(tally(behind)).toEqual({ 401: 10, 429: 1 });
    await proxied.stop();
  });

  it('count as one client within an IPv6 /64', async () => {
    const { email } = await service.member();
    const answers = await times(11, (index) => login(service, email, WRONG, `2001:db8:7:7::${index + 1}`));
    expect(tally(answers)).toEqual({ 401: 10, 429: 1 });
    expect((await login(service, email, WRONG, '2001:db8:7:8::1')).status).toBe(401);
  });
});

describe('registration', () => {
  it('is limited by client, with RateLimit headers', async () => {
    const strict = await TestApp.start({ ...LIMITED, RATE_LIMIT_REGISTER_IP: '3' });
    const remoteAddress = newClient();
    const answers = await times(4, () =>
      strict.request('POST', '/auth/register', {
        body: { email: uniqueEmail(), name: 'Many', password: 'correct horse battery' },
        remoteAddress,
      }),
    );
    expect(answers.map(({ status, headers }) => [status, Number(headers['ratelimit-remaining'])])).toEqual([
      [201, 2],
      [201, 1],
      [201, 0],
      [429, 0],
    ]);
    await strict.stop();
  });
});

describe('RATE_LIMIT_ENABLED=false', () => {
  it('lifts the limits', async () => {
    const open = await TestApp.start();
    const { email, password } = await open.member();
    const answers = await times(12, () => login(open, email, WRONG, '192.0.2.1'));
    expect(tally(answers)).toEqual({ 401: 12 });
    const answer = await login(open, email, password, '192.0.2.1');
    expect([answer.status, answer.headers['ratelimit-limit']]).toEqual([200, undefined]);
    await open.stop();
  });
});
