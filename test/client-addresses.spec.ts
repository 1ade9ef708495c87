import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp, uniqueEmail } from './support/app.js';
import { LIMITED, login, newClient, tally, times, WRONG } from './support/sign-ins.js';
import { until } from './support/until.js';

const PROXY = '10.0.0.1';
/** Two groups of an IPv6 network for each IPv4 client. */
const group = (client: string) => client.split('.').slice(2).join(':');
const forwarded = (client: string) => ({ 'x-forwarded-for': client });

let folder: string;
const apps: TestApp[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meetinity-addresses-'));
});
afterAll(async () => {
  for (const app of apps.slice(1)) await app.stop();
  await apps[0]!.stopAndDrop();
  await rm(folder, { recursive: true });
});

async function start(values: Record<string, string>) {
  const file = join(folder, `log-${apps.length}`);
  const app = await TestApp.start({ ...LIMITED, LOG_LEVEL: 'info', LOG_FILE: file, ...values });
  apps.push(app);
  const lines = async () => {
    const text = await readFile(file, 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, any>]));
  };
  return { app, lines };
}

describe('a proxy in front while TRUST_PROXY_HOPS is 0', () => {
  it('does not let failed sign-ins or wrong tokens of some clients lock out others', async () => {
    const { app } = await start({ RATE_LIMIT_LOGIN_IP: '3', RATE_LIMIT_TOKEN_IP: '3' });
    const { email, password } = await app.member();
    const wrong = await times(8, () => login(app, uniqueEmail(), WRONG, PROXY, forwarded(newClient())));
    expect(tally(wrong)).toEqual({ 401: 8 });
    const guesses = await times(8, () =>
      app.request('POST', '/auth/email/verify', {
        body: { token: 'wrong' },
        remoteAddress: PROXY,
        headers: forwarded(newClient()),
      }),
    );
    expect(tally(guesses)).toEqual({ 400: 8 });
    expect((await login(app, email, password, PROXY, forwarded(newClient()))).status).toBe(200);
  });

  it('locks no pair of account and proxy, and keeps the limit of the account', async () => {
    const { app } = await start({ RATE_LIMIT_LOGIN_PAIR: '3', RATE_LIMIT_LOGIN_ADDRESS: '6' });
    const { email, password } = await app.member();
    const attempt = (given: string) => login(app, email, given, PROXY, forwarded(newClient()));
    expect(tally(await times(5, () => attempt(WRONG)))).toEqual({ 401: 5 });
    expect((await attempt(password)).status).toBe(200);
    expect((await attempt(WRONG)).status).toBe(401);
    expect((await attempt(password)).status).toBe(429);
  });

  it('gets fifty times the limit of a client', async () => {
    const { app } = await start({ RATE_LIMIT_TOKEN_IP: '2' });
    const guess = () =>
      app.request('POST', '/auth/email/verify', {
        body: { token: 'wrong' },
        remoteAddress: PROXY,
        headers: forwarded(newClient()),
      });
    expect(tally(await times(101, guess))).toEqual({ 400: 100, 429: 1 });
  });

  it.each(['127.0.0.1', '::1', '192.168.7.7', '172.31.0.9', 'fd12:3456::1'])('is recognised at %s', async (peer) => {
    const app = apps[0]!;
    const answers = await times(5, () => login(app, uniqueEmail(), WRONG, peer, forwarded(newClient())));
    expect(tally(answers)).toEqual({ 401: 5 });
  });

  it('is ignored from a public address', async () => {
    const app = apps[0]!;
    const peer = newClient();
    const answers = await times(5, () => login(app, uniqueEmail(), WRONG, peer, forwarded(newClient())));
    expect(tally(answers)).toEqual({ 401: 3, 429: 2 });
  });

  it('causes one warning that names the variable', async () => {
    const { app, lines } = await start({});
    for (const peer of [PROXY, newClient(), PROXY])
      await app.request('GET', '/health/live', { remoteAddress: peer, headers: forwarded(newClient()) });
    const warnings = async () => (await lines()).filter(({ level }) => level === 'warn');
    await until(async () => (await lines()).filter(({ msg }) => msg === 'request').length === 3);
    expect((await warnings()).map(({ msg }) => msg)).toEqual([expect.stringContaining('TRUST_PROXY_HOPS')]);
  });
});

describe('an entry of X-Forwarded-For', () => {
  it.each([
    ['an address with a port', (client: string, port: number) => `${client}:${port}`],
    ['an IPv6 address in brackets', (client: string) => `[2001:db8:${group(client)}::1]`],
    ['one with a port', (client: string, port: number) => `[2001:db8:${group(client)}::1]:${port}`],
  ])('may be %s: addresses tell clients apart, ports do not', async (_, entry) => {
    const { app } = await start({ TRUST_PROXY_HOPS: '1', RATE_LIMIT_LOGIN_PAIR: '3' });
    const { email, password } = await app.member();
    const [one, other] = [newClient(), newClient()];
    const attempt = (client: string, port: number, given: string) =>
      login(app, email, given, PROXY, forwarded(`203.0.113.77, ${entry(client, port)}`));
    expect(tally(await times(4, (index) => attempt(one, 1000 + index, WRONG)))).toEqual({ 401: 3, 429: 1 });
    expect((await attempt(other, 1000, password)).status).toBe(200);
  });

  it('that is invalid is logged a few times at most, and replaced by the peer address', async () => {
    const { app, lines } = await start({ TRUST_PROXY_HOPS: '1' });
    const values = ['unknown', '_hidden', '1.2.3', '', '300.1.1.1:80', '[10.1.1.1]', 'x'.repeat(5000)];
    for (const value of [...values, ...values])
      await app.request('GET', '/health/live', { remoteAddress: '10.9.8.7', headers: forwarded(value) });
    await until(async () => (await lines()).filter(({ msg }) => msg === 'request').length === 2 * values.length);
    const requests = (await lines()).filter(({ msg }) => msg === 'request');
    expect(new Set(requests.map(({ client_address: address }) => address))).toEqual(new Set(['10.9.8.7']));
    const warnings = (await lines()).filter(({ level }) => level === 'warn');
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings.length).toBeLessThanOrEqual(3);
    for (const warning of warnings) {
      expect(warning.msg).toContain('X-Forwarded-For');
      expect(JSON.stringify(warning).length).toBeLessThan(500);
    }
  });
});
