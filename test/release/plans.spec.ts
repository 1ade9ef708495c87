import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ExpiredRowsCleanup } from '../../src/auth/expired-rows-cleanup.js';
import { Answer, Member, TestApp } from '../support/app.js';
import { addToAudit } from '../support/audit.js';
import { Browser } from '../support/browser.js';
import { fillWithCrowd } from '../support/crowd.js';
import { addTotp, mfaToken, reauthenticateByTotp, signInByTotp } from '../support/factors.js';
import { describeWith, kafkaBrokers, workerDatabase, workerTopic } from '../support/environment.js';
import { form, FORM, picture } from '../support/images.js';
import { mailedToken } from '../support/mailbox.js';
import { OidcProvider, person } from '../support/oidc-provider.js';
import { tourPasskeys } from '../support/passkey-tour.js';
import { tourNotices } from '../support/notices-tour.js';
import { PlanRecorder } from '../support/plans.js';
import { tourAdminRoutes, tourPlatformRoutes } from '../support/platform-tour.js';
import { sessionOf } from '../support/sessions.js';
import { until } from '../support/until.js';

// A statement that is sent by name is planned anew five times, and then perhaps once and for all.
const TIMES = Array.from({ length: 8 }, (_, index) => index);
const APP = 'https://app.example/signed-in';
const PASSWORD = 'another horse battery';
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-plans-'));
const called = new Set<string>();

let oidc: OidcProvider;
let recorder: PlanRecorder;
let service: TestApp;

/** Every statement of these specs is PostgreSQL's own record of what the service sent: a new one needs no line here. */
const noTableIsRead = () => {
  const { statements, scans } = recorder.take();
  expect(scans).toEqual([]);
  expect(statements).toBeGreaterThan(0);
};

/** The body of an answer that must be a good one. */
async function ok(answer: Promise<Answer>) {
  const { status, text, body } = await answer;
  expect([status < 400, text]).toEqual([true, text]);
  return body;
}

beforeAll(async () => {
  oidc = await OidcProvider.start();
  const url = await workerDatabase();
  await fillWithCrowd(url);
  recorder = await PlanRecorder.start(url);
  service = await TestApp.start({
    ...oidc.values,
    OAUTH_REDIRECT_ALLOWLIST: APP,
    UPLOAD_FOLDER: folder,
    METRICS_ENABLED: 'true',
    // Of the crowd's passkeys.
    WEBAUTHN_RP_ID: 'localhost',
    WEBAUTHN_ORIGINS: 'http://localhost:8081',
  });
  const request = service.request.bind(service);
  service.request = async (method, address, options) => {
    const answer = await request(method, address, options);
    if (answer.status < 400) called.add(`${method} ${address.split('?')[0]}`);
    return answer;
  };
}, 60_000);
afterAll(async () => {
  recorder.stop();
  await service.stopAndDrop();
  await oidc.stop();
  rmSync(folder, { recursive: true });
});

const login = ({ email, password }: Member) => ok(service.post('/auth/login', { email, password }));

describe('no statement has a sequential scan', () => {
  it('at the start', () => noTableIsRead());

  it('for an account and its sessions', async () => {
    const member = await service.member();
    let { access, refresh } = member;
    for (const _ of TIMES) {
      const tokens = await login(member);
      ({ refresh_token: refresh } = await ok(service.post('/auth/refresh', { refresh_token: tokens.refresh_token })));
      for (const address of ['/users/profile', '/auth/profile', '/auth/verify', '/users/sessions'])
        await ok(service.get(address, access));
      await ok(service.put('/users/profile', { bio: refresh.slice(-8) }, access));
      await ok(service.post('/auth/verify', { token: access }));
      await ok(service.get('/.well-known/jwks.json'));
    }
    const other = await login(member);
    await ok(service.delete(`/users/sessions/${sessionOf(other.access_token)}`, access));
    await ok(service.delete('/users/sessions', access));
    expect((await service.post('/auth/refresh', { refresh_token: refresh })).status).toBe(401);
    expect((await service.post('/auth/refresh', { refresh_token: member.refresh })).status).toBe(200);
    await ok(service.post('/auth/logout', {}, access));
    access = (await login(member)).access_token;
    await ok(service.post('/auth/logout', { all: true }, access));
    noTableIsRead();
  });

  it('for profiles and preferences', async () => {
    const [{ access, id }, other] = [await service.member(), await service.member()];
    for (const count of TIMES) {
      await ok(service.put('/users/preferences', { age_min: 20 + count }, access));
      for (const address of ['/users/preferences', `/users/${id}`, '/users/profile/export', '/users/identities'])
        await ok(service.get(address, other.access));
    }
    const payload = form({ filename: 'me.png', content: await picture('png') });
    const { profile_picture_url: url } = await ok(
      service.request('POST', '/users/profile/avatar', { payload, headers: FORM, token: access }),
    );
    await ok(service.get(new URL(url).pathname));
    await ok(service.delete('/users/profile/avatar', access));
    noTableIsRead();
  });

  it('for passwords and mailed links', async () => {
    const member = await service.member();
    const formPost = (address: string, fields: Record<string, string>) =>
      service.request('POST', address, {
        payload: new URLSearchParams(fields).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    await ok(service.post('/auth/email/resend', { email: member.email }));
    const first = await mailedToken(member.email, 'email_verification', 2);
    await ok(service.get(`/auth/email/verify?token=${first}`));
    await ok(service.post('/auth/email/verify', { token: first }));
    const second = await service.member();
    const token = await mailedToken(second.email, 'email_verification');
    await ok(formPost('/auth/pages/email-verify', { token }));
    for (const count of [1, 2]) {
      await ok(service.post('/auth/password/forgot', { email: member.email }));
      const link = await mailedToken(member.email, 'password_reset', count);
      await ok(service.get(`/auth/password/reset?token=${link}`));
      const password = `${PASSWORD} ${count}`;
      const fields = { token: link, password, password_repeat: password };
      if (count === 1) await ok(formPost('/auth/pages/password-reset', fields));
      else await ok(service.post('/auth/password/reset', { token: link, password }));
    }
    const body = { current_password: second.password, new_password: PASSWORD };
    await ok(service.post('/auth/password/change', body, second.access));
    noTableIsRead();
  });

  it.each(['google', 'linkedin'] as const)('for sign-ins at %s', async (provider) => {
    const member = await service.member();
    const token = await mailedToken(member.email, 'email_verification');
    await ok(service.post('/auth/email/verify', { token, password: member.password }));
    oidc.signedInAs(person({ email: member.email }));
    const started = await ok(service.post(`/auth/${provider}`));
    const { searchParams } = await oidc.authorize(started.auth_url);
    await ok(service.post(`/auth/${provider}/callback`, Object.fromEntries(searchParams)));
    await ok(service.delete(`/users/identities/${provider}`, member.access));
    const claims = person();
    await ok(new Browser(service).signIn(provider, oidc, claims));
    await ok(service.get(`/auth/oauth/${provider}`, undefined, { accept: 'application/json' }));
    const browser = new Browser(service);
    const back = await browser.start(provider, oidc, claims);
    await ok(browser.open(`/auth/${provider}/callback${back.search}`));
    const { headers } = await new Browser(service).signIn(provider, oidc, claims, APP);
    const code = new URL(String(headers.location)).searchParams.get('code');
    await ok(service.post('/auth/oauth/exchange', { code }));
    noTableIsRead();
  });

  it('for administrators', async () => {
    await tourAdminRoutes(service, ok);
    noTableIsRead();
  });

  it('for second factors', async () => {
    const factored = await addTotp(service, await service.member());
    await ok(service.get('/users/mfa', factored.access));
    for (const _ of TIMES) await ok(signInByTotp(service, factored));
    const verify = (method: string, code: string, mfa_token: string) =>
      service.post('/auth/mfa/verify', { mfa_token, method, code });
    await ok(verify('recovery_code', factored.recoveryCodes[0]!, await mfaToken(service, factored)));
    const access = await reauthenticateByTotp(service, factored);
    await ok(service.post('/users/mfa/recovery-codes', {}, access));
    await ok(service.get('/.well-known/jwks.json'));
    await ok(service.delete(`/users/mfa/${factored.factor}`, access));
    await tourPasskeys(service, ok, TIMES);
    noTableIsRead();
  });

  it('for changes of the address and notices', async () => {
    await tourNotices(service, ok, TIMES);
    noTableIsRead();
  });

  it('for the apps and the services of the platform', async () => {
    await tourPlatformRoutes(service, ok, TIMES);
    noTableIsRead();
  });

  it.each([1, 1000])('for the deletion of an account with %d more audit entries', async (entries) => {
    const { access, password, id } = await service.member();
    await addToAudit(service, id, entries);
    recorder.take();
    await ok(service.delete('/users/profile', access, { password }));
    noTableIsRead();
  });

  it('for probes and metrics', async () => {
    for (const address of ['/health', '/health/live', '/healthz', '/health/ready', '/ready', '/metrics'])
      await ok(service.get(address));
    noTableIsRead();
  });

  it('for the removal of what has expired, be it little or half of a table', async () => {
    await service.app.get(ExpiredRowsCleanup).deleteAll();
    noTableIsRead();
    await service.sql(
      `UPDATE user_sessions SET expires_at = now() - interval '31 days' WHERE refresh_token < '8' AND revoked_at IS NULL`,
    );
    await service.sql('ANALYZE user_sessions');
    recorder.take();
    expect(await service.app.get(ExpiredRowsCleanup).deleteAll()).toBeGreaterThan(5000);
    noTableIsRead();
  });

  it('on any documented route', async () => {
    const { body } = await service.get('/docs-json');
    const patterns = Object.entries<object>(body.paths).flatMap(([address, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${address}`),
    );
    const matching = (call: string) =>
      patterns.filter((pattern) => new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(call));
    // The router takes the literal address before one with a parameter.
    const parameters = (pattern: string) => pattern.split('{').length;
    const reached = new Set([...called].map((call) => matching(call).sort((a, b) => parameters(a) - parameters(b))[0]));
    expect(patterns.filter((pattern) => !reached.has(pattern))).toEqual([]);
  });

  describeWith('kafka', 'for the relay', () => {
    it('that publishes events and removes old ones', async () => {
      await service.sql(`UPDATE outbox_events SET created_at = at, published_at = at FROM
        (SELECT id AS old, now() - interval '9 days' AS at FROM outbox_events ORDER BY id DESC OFFSET 300) o WHERE id = old`);
      await service.sql('ANALYZE outbox_events');
      recorder.take();
      const values = { KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','), KAFKA_USER_TOPIC: workerTopic('plans') };
      const publishing = await TestApp.start(values);
      const left = `SELECT FROM outbox_events WHERE published_at IS NULL OR created_at < now() - interval '8 days' LIMIT 1`;
      await until(async () => (await service.sql(left)).length === 0, 15_000);
      await publishing.stop();
      expect(recorder.take().scans.filter((scan) => !scan.includes(left))).toEqual([]);
    });
  });
});
