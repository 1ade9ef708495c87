import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import { SECRETS } from '../../src/config/variables.js';
import { freePorts } from '../../scripts/services/tools.js';
import { podOf, readDockerfile, renderedChart, resolveEnvironment } from '../support/chart.js';
import { compiled, dropWorkerDatabase } from '../support/environment.js';
import { form, FORM, picture } from '../support/images.js';
import { type S3Server, s3Missing, startS3 } from '../support/s3-server.js';
import { ScratchDatabases } from '../support/scratch-database.js';
import { until } from '../support/until.js';

const image = readDockerfile();
const root = process.getuid?.() === 0;
/** Nothing listens there. */
const NOWHERE = '127.0.0.1:1';
const PASSWORD = 'brisk-otter-paints-7-doors';

const scratch = new ScratchDatabases();
// The container's root file system: its user may read it, and write to no part of it.
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-chart-'));
chmodSync(folder, 0o555);
const suffix = randomBytes(4).toString('hex');
const roles = [`owner_${suffix}`, `runtime_${suffix}`];
const processes: ChildProcess[] = [];
let s3: S3Server | undefined;

afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL');
  await s3?.stop();
  await scratch.drop();
  await scratch.admin(...roles.flatMap((role) => [`DROP ROLE IF EXISTS ${role}`]));
  await dropWorkerDatabase();
  rmSync(folder, { recursive: true });
});

/** Two roles on a database that is empty at first, as URLs. */
let database: { owner: string; runtime: string };
beforeAll(async () => {
  const [address, server] = [new URL(await scratch.create()), s3Missing() ? undefined : await startS3()];
  const [owner, runtime] = roles.map((role) => Object.assign(new URL(address), { username: role, password: 'secret' }));
  s3 = server;
  database = { owner: owner!.href, runtime: runtime!.href };
  await scratch.admin(
    `CREATE ROLE ${roles[0]} LOGIN CREATEROLE PASSWORD 'secret'`,
    `ALTER DATABASE ${address.pathname.slice(1)} OWNER TO ${roles[0]}`,
  );
}, 120_000);

function run(command: string[], env: Record<string, string>, { runAsUser: uid, runAsGroup: gid }: PodUser) {
  const args = command.slice(1).map((word) => (word.startsWith('dist/') ? compiled(word.slice(5)) : word));
  const child = spawn(process.execPath, args, {
    // A pod has no /tmp that it may write to.
    env: { PATH: process.env.PATH, TMPDIR: folder, ...image.env, ...env },
    cwd: folder,
    ...(root ? { uid, gid } : {}),
  });
  processes.push(child);
  return { child, output: Promise.all([text(child.stdout), text(child.stderr)]).then((parts) => parts.join('')) };
}
type PodUser = { runAsUser: number; runAsGroup: number };

it('refuses secrets and what the chart sets itself among the plain variables, where they would stand twice', () => {
  const schema = JSON.parse(readFileSync('deploy/helm/meetinity-user-service/values.schema.json', 'utf8'));
  const set = ['APP_PORT', 'PUBLIC_BASE_URL', 'METRICS_PORT', 'MIGRATE_ON_START', 'UPLOAD_FOLDER'];
  expect(schema.properties.config.propertyNames.not.enum).toEqual(expect.arrayContaining([...SECRETS, ...set]));
});

describe.each(['default', 'meetinity'])('the chart with its %s values', (name) => {
  const manifests = renderedChart(name);
  const pod = podOf(manifests, 'Deployment');
  const job = podOf(manifests, 'Job');
  const [container] = pod.containers;
  const kind = (wanted: string) => manifests.filter((manifest) => manifest.kind === wanted);

  it('runs as the user of the image, without root, privileges or a writable folder', () => {
    expect(image.user).toBe(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`);
    for (const { securityContext, containers } of [pod, job]) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(securityContext.runAsUser).toBeGreaterThan(0);
      expect(containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(containers[0].volumeMounts).toBeUndefined();
    }
  });

  it('gives the owner of the database to the migration job alone', () => {
    const names = ({ containers: [{ env }] }: typeof pod) => env.map((variable) => variable.name);
    expect(names(job)).toContain('DATABASE_OWNER_URL');
    expect(names(pod)).not.toContain('DATABASE_OWNER_URL');
    expect(new Set(names(pod)).size).toBe(names(pod).length);
  });

  it('takes every secret from a Secret, and sets no variable that is not known', () => {
    const secret = job.containers[0].env.filter(({ valueFrom }) => valueFrom).map((variable) => variable.name);
    expect(secret.toSorted()).toEqual(SECRETS.toSorted());
    const example = parseEnv(readFileSync('.env.example', 'utf8').replaceAll(/^#(?=[A-Z])/gm, ''));
    const unknown = container.env.filter(
      (variable) => !(variable.name in example) && !variable.name.startsWith('OTEL_'),
    );
    expect(unknown).toEqual([]);
  });

  it('lets uploads through an ingress of nginx, which refuses more than 1 MiB by default', () => {
    const ingresses = kind('Ingress').filter(({ spec }) => spec.ingressClassName === 'nginx');
    const limits = ingresses.map(
      ({ metadata }) => metadata.annotations?.['nginx.ingress.kubernetes.io/proxy-body-size'],
    );
    expect(limits).toEqual(ingresses.map(() => '0'));
  });

  it('routes services, policies and probes to ports and labels of the pods', () => {
    const { labels } = kind('Deployment')[0]!.spec.template.metadata as { labels: Record<string, string> };
    const ports = container.ports!.map((port) => port.name);
    for (const service of kind('Service')) {
      expect(labels).toMatchObject(service.spec.selector);
      for (const { targetPort } of service.spec.ports) expect(ports).toContain(targetPort);
    }
    for (const { spec } of kind('NetworkPolicy')) expect(labels).toMatchObject(spec.podSelector.matchLabels);
    for (const { spec } of kind('PodDisruptionBudget')) expect(labels).toMatchObject(spec.selector.matchLabels);
    for (const { spec } of kind('ServiceMonitor')) {
      const selected = kind('Service').filter(({ metadata }) =>
        Object.entries(spec.selector.matchLabels).every(([label, value]) => metadata.labels[label] === value),
      );
      expect(selected).toHaveLength(1);
      expect(selected[0]!.spec.ports.map((port: { name: string }) => port.name)).toEqual([spec.endpoints[0].port]);
    }
  });

  it('migrates, starts and serves with exactly the environment, the user and the folders of the manifests', async () => {
    const secrets = {
      DATABASE_URL: database.runtime,
      JWT_SECRET: randomBytes(48).toString('base64'),
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      REDIS_URL: `redis://${NOWHERE}`,
      SMTP_URL: `smtp://${NOWHERE}`,
      S3_ACCESS_KEY_ID: s3?.variables.S3_ACCESS_KEY_ID ?? 'key',
      S3_SECRET_ACCESS_KEY: s3?.variables.S3_SECRET_ACCESS_KEY ?? 'secret',
    };
    const prefix = name === 'default' ? 'meetinity-user-service' : 'user-service';
    const ofSecrets = {
      ...Object.fromEntries(Object.entries(secrets).map(([key, value]) => [`${prefix}/${key}`, value])),
      'meetinity-user-service-owner/DATABASE_OWNER_URL': database.owner,
      'user-service-db/url': database.runtime,
      'user-service-db-owner/url': database.owner,
    };

    const migration = run(
      job.containers[0].command!,
      resolveEnvironment(job.containers[0], ofSecrets),
      job.securityContext,
    );
    const [code] = (await once(migration.child, 'exit')) as [number];
    expect({ code, output: await migration.output }).toMatchObject({ code: 0 });

    const env = resolveEnvironment(container, ofSecrets);
    // Ports that are free here, and addresses that are not of other machines.
    const [port, metricsPort] = await freePorts(0, 0);
    const here: Record<string, string> = { APP_PORT: `${port}`, METRICS_PORT: `${metricsPort}` };
    if (env.KAFKA_BOOTSTRAP_SERVERS) here.KAFKA_BOOTSTRAP_SERVERS = NOWHERE;
    if (env.S3_BUCKET) Object.assign(here, s3?.variables ?? { S3_ENDPOINT: `http://${NOWHERE}` });
    const service = run(image.command, { ...env, ...here }, pod.securityContext);
    const base = `http://127.0.0.1:${here.APP_PORT}`;
    const status = (route: string) =>
      fetch(base + route).then(
        (answer) => answer.status,
        () => 0,
      );
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      expect(probe.httpGet.port).toBe('http');
      await until(async () => {
        if (service.child.exitCode !== null) throw new Error(await service.output);
        return (await status(probe.httpGet.path)) === 200;
      }, 60_000);
    }

    // Not on the port that an ingress opens.
    expect(await status('/metrics')).toBe(404);
    const scraped = await fetch(`http://127.0.0.1:${here.METRICS_PORT}/metrics`);
    expect(await scraped.text()).toContain('meetinity_user_info');

    const json = { 'content-type': 'application/json' };
    const body = JSON.stringify({ email: `${name}@example.com`, password: PASSWORD, name: 'Ada' });
    const registered = await fetch(`${base}/auth/register`, { method: 'POST', headers: json, body });
    expect(registered.status).toBe(201);
    const { access_token: token } = (await registered.json()) as { access_token: string };
    const uploaded = await fetch(`${base}/users/profile/avatar`, {
      method: 'POST',
      headers: { ...FORM, authorization: `Bearer ${token}` },
      body: form({ filename: 'a.png', content: await picture('png') }),
    });
    // Without a bucket or a claim there is no place for pictures, and nothing else fails.
    expect(uploaded.status).toBe(s3 && env.S3_BUCKET ? 200 : 424);

    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);
});
