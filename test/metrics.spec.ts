/**
 * Counters start at zero in an environment of its own.
 * @jest-environment node
 */
import { readFileSync } from 'node:fs';
import { freePort } from '../src/dev/free-port.js';
import { TestApp } from './support/app.js';
import { describeWith } from './support/environment.js';
import { MailServer } from './support/mail-server.js';
import { until } from './support/until.js';

const PREFIX = 'meetinity_user_';

const namesIn = (text: string) => [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!);
const valueOf = (text: string, sample: string) => text.split('\n').find((line) => line.startsWith(`${sample} `));

let service: TestApp;

afterAll(() => service?.stopAndDrop());

it('has the prefix in every name, and counts committed profile changes only for the platform', async () => {
  const alone = await TestApp.start({ COMPAT_ENABLED: 'false' });
  const names = namesIn((await alone.get('/metrics')).text);
  await alone.stop();
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => !name.startsWith(PREFIX))).toEqual([]);

  service = await TestApp.start({ GIT_COMMIT: 'c0ffee1' });
  const { access } = await service.member();
  const syncs = async () => valueOf((await service.get('/metrics')).text, 'user_profile_sync_total');
  expect(await syncs()).toBe('user_profile_sync_total 0');
  await service.put('/users/profile', { bio: 'Counted' }, access);
  expect(await syncs()).toBe('user_profile_sync_total 1');
  await service.put('/users/profile', { bio: 'Counted' }, access);
  expect(await syncs()).toBe('user_profile_sync_total 1');
});

it('shows the version and the commit', async () => {
  const { text } = await service.get('/metrics');
  expect(text).toMatch(/^meetinity_user_info\{version="\d+\.\d+\.\d+",commit="c0ffee1"\} 1$/m);
});

it('is documented, each metric in a table', async () => {
  const documented = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^\| (`[a-z0-9_]+`.*?) \|/gm)]
    .flatMap(([, cell]) => [...cell!.matchAll(/`([a-z0-9_]+)`/g)])
    .map(([, name]) => PREFIX + name!);
  const names = namesIn((await service.get('/metrics')).text);
  const own = names.filter((name) => !/^user_|^meetinity_user_(process|nodejs)_/.test(name));
  expect(own.filter((name) => !documented.includes(name))).toEqual([]);
  const shown = documented.filter((name) => /_(total|seconds|waiting|parked|up|info)$/.test(name));
  expect(shown.filter((name) => !names.includes(name))).toEqual([]);
});

it('has a port of its own with METRICS_PORT, where /health counts users', async () => {
  const port = await freePort();
  const apart = await TestApp.start({ METRICS_PORT: String(port) });
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  const [metrics, health] = await Promise.all([get('/metrics'), get('/health')]);
  expect([metrics.status, metrics.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
  expect(await metrics.text()).toContain('meetinity_user_info');
  expect([health.status, ((await health.json()) as any).metrics.total_users]).toEqual([200, 1]);
  for (const path of ['/', '/auth/login', '/users/profile']) expect((await get(path)).status).toBe(404);
  const inside = await Promise.all(['/metrics', '/health'].map((path) => apart.get(path)));
  expect(inside.map(({ status }) => status)).toEqual([404, 200]);
  expect(inside[1]!.body.metrics).toEqual({ active_users: null, total_users: null, oauth_providers: null });
  await apart.stop();
  await expect(get('/metrics')).rejects.toThrow();
});

it('hides the documents unless DOCS_ENABLED', async () => {
  const hidden = await TestApp.start({ DOCS_ENABLED: 'false' });
  for (const path of ['/docs', '/docs-json', '/docs/swagger-ui.css']) expect((await hidden.get(path)).status).toBe(404);
  await hidden.stop();
});

describeWith('redis', 'the gauge of dependencies', () => {
  let mail: MailServer;

  beforeAll(async () => {
    mail = await MailServer.start();
  });
  afterAll(() => mail.stop());

  const states = async (app: TestApp) => {
    const { text } = await app.get('/metrics');
    return Object.fromEntries(
      [...text.matchAll(/^meetinity_user_dependency_up\{dependency="(\w+)"\} (\d)$/gm)].map(([, name, up]) => [
        name,
        Number(up),
      ]),
    );
  };

  it('shows which server does not work', async () => {
    const down = await TestApp.start({
      REDIS_URL: 'redis://127.0.0.1:1/0',
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
      SMTP_URL: mail.url,
      UPLOAD_FOLDER: '/dev/null/uploads',
    });
    try {
      await until(async () => (await states(down)).smtp === 1);
      expect(await states(down)).toEqual({ postgresql: 1, redis: 0, kafka: 0, smtp: 1, storage: 0 });
      expect((await down.get('/metrics')).text).toMatch(/^meetinity_user_redis_circuit_open 1$/m);
    } finally {
      await down.stop();
    }
  });

  it('shows a mail server that refuses connections', async () => {
    const unsent = await TestApp.start({ SMTP_URL: 'smtp://127.0.0.1:1' });
    try {
      await until(async () => (await states(unsent)).smtp === 0);
    } finally {
      await unsent.stop();
    }
  });
});
