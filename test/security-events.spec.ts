import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Member, TestApp, uniqueEmail } from './support/app.js';
import { addTotp } from './support/factors.js';
import { mailsTo, mailTo } from './support/mailbox.js';
import { LIMITED, login, newClient, times, WRONG } from './support/sign-ins.js';
import { until } from './support/until.js';

let folder: string;
let service: TestApp;
let member: Member;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meetinity-security-'));
  service = await TestApp.start({ ...LIMITED, LOG_LEVEL: 'info', LOG_FILE: join(folder, 'log') });
  member = await service.member();
});
afterAll(async () => {
  await service.stopAndDrop();
  await rm(folder, { recursive: true });
});

type Line = Record<string, any>;

async function lines(): Promise<Line[]> {
  const text = await readFile(join(folder, 'log'), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
}

const eventsFrom = async (client: string) =>
  (await lines()).filter((line) => line.msg === 'security_event' && line.client_address === client);

/** The logged security events of a client. */
async function eventsOf(client: string): Promise<Line[]> {
  await until(async () => (await lines()).some((line) => line.msg === 'request' && line.client_address === client));
  return eventsFrom(client);
}

const wrongToken = { token: 'wrong', password: 'correct horse battery' };

describe('a refused authentication', () => {
  it.each<[string, 'POST' | 'GET' | 'DELETE', string, unknown, string]>([
    ['a wrong password', 'POST', '/auth/login', { email: uniqueEmail(), password: WRONG }, 'invalid_credentials'],
    ['a forged refresh token', 'POST', '/auth/refresh', { refresh_token: 'forged' }, 'invalid_refresh_token'],
    ['a wrong link for a password', 'POST', '/auth/password/reset', wrongToken, 'invalid_or_expired_token'],
    ['a wrong link for an address', 'POST', '/auth/email/verify', { token: 'wrong' }, 'invalid_or_expired_token'],
    ['a wrong link on a page', 'GET', '/auth/email/verify?token=wrong', undefined, 'invalid_or_expired_token'],
    ['a wrong code', 'POST', '/auth/oauth/exchange', { code: 'wrong' }, 'invalid_code'],
  ])('is logged once: %s', async (_, method, url, body, kind) => {
    const client = newClient();
    const answer = await service.request(method, url, { body, remoteAddress: client });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await eventsOf(client)).toEqual([
      expect.objectContaining({ kind, client_address: client, request_id: answer.headers['x-request-id'] }),
    ]);
  });

  it('is logged as password_disabled where it is the last of too many', async () => {
    const { id, email } = await service.member();
    await service.sql('UPDATE users SET password_failures = 99 WHERE id = $1', [id]);
    const client = newClient();
    await login(service, email, WRONG, client);
    expect(await eventsOf(client)).toEqual([
      expect.objectContaining({ kind: 'password_disabled', account: expect.any(String) }),
    ]);
  });

  it.each([
    [
      'change',
      'POST' as const,
      '/auth/password/change',
      { current_password: WRONG, new_password: 'another fine horse' },
    ],
    ['erasure', 'DELETE' as const, '/users/profile', { password: WRONG }],
  ])('with a session is logged too: a wrong password of a %s', async (_, method, url, body) => {
    const client = newClient();
    await service.request(method, url, { body, token: member.access, remoteAddress: client });
    expect(await eventsOf(client)).toEqual([
      expect.objectContaining({ kind: 'invalid_credentials', user_id: member.id, account: expect.any(String) }),
    ]);
  });

  it('logs a stable keyed hash of the account instead of the address', async () => {
    const [one, other] = [newClient(), newClient()];
    await login(service, member.email, WRONG, one);
    await login(service, member.email, WRONG, other);
    const [first, second] = [await eventsOf(one), await eventsOf(other)];
    expect(first[0]!.account).toMatch(/^[\w-]{22}$/);
    expect(second[0]!.account).toBe(first[0]!.account);
    expect(JSON.stringify(await lines())).not.toContain(member.email.split('@')[0]);
  });

  it('has the hash of the account for wrong second factors and reused refresh tokens too', async () => {
    const user = await addTotp(service, await service.member());
    const clients = [newClient(), newClient(), newClient(), newClient()] as const;
    await login(service, user.email, WRONG, clients[0]);
    const { mfa_token } = (await login(service, user.email, user.password, newClient())).body;
    const factors = [
      { method: 'recovery_code', code: 'wrong' },
      { method: 'passkey', credential: {} },
    ];
    for (const [index, factor] of factors.entries())
      await service.request('POST', '/auth/mfa/verify', {
        body: { mfa_token, ...factor },
        remoteAddress: clients[index + 1],
      });
    for (const agent of ['okhttp/4.12.0', 'Firefox/133.0'])
      await service.request('POST', '/auth/refresh', {
        body: { refresh_token: user.refresh },
        headers: { 'user-agent': agent },
        remoteAddress: clients[3],
      });
    // The log is written a moment after the answer.
    await until(async () => (await eventsOf(clients[3])).length > 0);
    const events = (await Promise.all(clients.map(eventsOf))).flat();
    expect(events.map(({ kind }) => kind)).toEqual([
      'invalid_credentials',
      'invalid_mfa_code',
      'invalid_passkey',
      'refresh_token_reused',
    ]);
    expect(events.map(({ account }) => account as string)).toStrictEqual(Array(4).fill(events[0]!.account));
  });

  it('is logged for a disabled account and during a lockout', async () => {
    const disabled = await service.member();
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [disabled.id]);
    const client = newClient();
    await login(service, disabled.email, disabled.password, client);
    expect((await eventsOf(client)).map(({ kind }) => kind)).toEqual(['account_disabled']);
    const locked = newClient();
    const email = uniqueEmail();
    await times(3, () => login(service, email, WRONG, locked));
    await sleep(1100);
    await times(7, () => login(service, email, WRONG, locked));
    await sleep(1100);
    await login(service, email, WRONG, locked);
    await until(async () => (await eventsFrom(locked)).length === 11);
    expect((await eventsFrom(locked)).at(-1)).toMatchObject({ kind: 'rate_limited', limit: 'loginPair' });
  });

  it('is logged for a forged access token, not for a missing, expired or revoked one', async () => {
    const ended = await service.member();
    await service.post('/auth/logout', {}, ended.access);
    const [header, claims, signature] = member.access.split('.');
    const forged = [`${header}.${claims}.${'A'.repeat(signature!.length)}`, 'nonsense'];
    const counts = [];
    for (const token of [...forged, ended.access, undefined]) {
      const client = newClient();
      await service.request('GET', '/users/sessions', { token, remoteAddress: client });
      counts.push((await eventsOf(client)).map(({ kind }) => kind));
    }
    expect(counts).toEqual([['unauthenticated'], ['unauthenticated'], [], []]);
  });

  it('is logged for a reused refresh token, and for a retry from another network', async () => {
    const { refresh } = await service.member();
    const [owner, near, thief] = [newClient(), newClient(), newClient()];
    const use = (remoteAddress: string, agent = 'okhttp/4.12.0') =>
      service.request('POST', '/auth/refresh', {
        body: { refresh_token: refresh },
        headers: { 'user-agent': agent },
        remoteAddress,
      });
    const statuses = [await use(owner), await use(near), await use(thief, 'Firefox/133.0')].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 401]);
    const kinds = [await eventsOf(owner), await eventsOf(near), await eventsOf(thief)].flat().map(({ kind }) => kind);
    expect(kinds).toEqual(['refresh_token_repeated', 'refresh_token_reused']);
  });

  it('is aggregated beyond ten per second and client', async () => {
    const client = newClient();
    const refresh = () =>
      service.request('POST', '/auth/refresh', { body: { refresh_token: 'forged' }, remoteAddress: client });
    await Promise.all(Array.from({ length: 60 }, refresh));
    const summary = await until(async () => (await eventsFrom(client)).find(({ kind }) => kind === 'summed_up'));
    const single = (await eventsFrom(client)).filter(({ kind }) => kind !== 'summed_up');
    const summed = (await eventsFrom(client)).reduce((sum, { events = 0 }) => sum + events, 0);
    expect(summary.client_address).toBe(client);
    expect(single.length + summed).toBe(60);
    expect(single.length).toBeLessThanOrEqual(50);
  });
});

describe('other requests', () => {
  it('are not logged: a sign-in, an invalid body, a taken address', async () => {
    const client = newClient();
    await login(service, member.email, member.password, client);
    await service.request('POST', '/auth/login', { body: {}, remoteAddress: client });
    const body = { email: member.email, name: 'Ada', password: 'correct horse battery' };
    await service.request('POST', '/auth/register', { body, remoteAddress: client });
    expect(await eventsOf(client)).toEqual([]);
  });
});

describe('a lockout', () => {
  it('is recorded with its origin, and mailed to the owner once an hour', async () => {
    const { id, email } = await service.member();
    const clients = [newClient(), newClient()];
    for (const client of clients) await times(10, () => login(service, email, WRONG, client));
    const entries = () =>
      service.sql(
        `SELECT action, host(ip_address) AS ip FROM audit_logs WHERE target_id = $1 AND action = 'sign_in.locked' ORDER BY id`,
        [id],
      );
    await until(async () => (await entries()).length === 2);
    expect(await entries()).toEqual(clients.map((ip) => ({ action: 'sign_in.locked', ip })));
    const mail = await mailTo(email, 'sign_in_locked');
    expect(mail.text).toContain(clients[0]);
    await sleep(200);
    expect(await mailsTo(email, 'sign_in_locked')).toHaveLength(1);
  });

  it('of an address without an account sends no mail', async () => {
    const email = uniqueEmail();
    const client = newClient();
    await times(10, () => login(service, email, WRONG, client));
    await sleep(200);
    expect(await mailsTo(email, 'sign_in_locked')).toEqual([]);
  });
});
