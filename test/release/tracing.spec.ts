import { type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../../src/dev/free-port.js';
import { TestApp, testValues, uniqueEmail } from '../support/app.js';
import { describeWith, kafkaBrokers, workerDatabase, workerTopic } from '../support/environment.js';
import { makeTopic, TopicReader } from '../support/kafka.js';
import { MailServer } from '../support/mail-server.js';
import { startService } from '../support/service-process.js';
import { TraceCollector } from '../support/trace-collector.js';
import { until } from '../support/until.js';

/** Numbers of OTLP's SpanKind and Status. */
const KIND = { server: 2, client: 3, producer: 4 };
const STATUS = { error: 2 };

let collector: TraceCollector;
let mailServer: MailServer;
/** In this process, without tracing, for its database. */
let app: TestApp;
let url: string;
const processes: ChildProcess[] = [];

/** The SDK reads these from the environment; the first instance has them in this file instead. */
const envFile = join(mkdtempSync(join(tmpdir(), 'meetinity-traces-')), '.env');
const tracing = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
});

/** An instance in a process of its own: Jest cannot load the exporter, which imports modules as it runs. @returns its URL */
async function startTraced(values: Record<string, string> = {}): Promise<string> {
  const port = String(await freePort());
  const database = { DATABASE_URL: await workerDatabase(), SMTP_URL: mailServer.url };
  const all = { ...testValues(database), ...values, APP_PORT: port };
  processes.push(startService(all, ['ignore', 'ignore', 'inherit']));
  const address = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${address}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isReady, 60_000);
  return address;
}

beforeAll(async () => {
  collector = await TraceCollector.start();
  mailServer = await MailServer.start();
  app = await TestApp.start();
  writeFileSync(
    envFile,
    Object.entries(tracing())
      .map((pair) => pair.join('='))
      .join('\n'),
  );
  url = await startTraced({ ENV_FILE: envFile });
}, 70_000);
afterAll(async () => {
  for (const child of processes) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  await app.stopAndDrop();
  await mailServer.stop();
  await collector.stop();
  rmSync(dirname(envFile), { recursive: true });
});

async function send(method: string, path: string, headers: Record<string, string>, body?: object) {
  const type = body && { 'content-type': 'application/json' };
  const answer = await fetch(url + path, {
    method,
    headers: { ...headers, ...type },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, traceparent: answer.headers.get('traceparent'), body: (await answer.json()) as any };
}

const newcomer = () => ({ email: uniqueEmail(), password: 'correct horse battery', name: 'Ada' });

/** A header of a caller, as W3C Trace Context says. */
const newTrace = (sampled = true) => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-0${Number(sampled)}` } };
};

const attributesOf = ({ attributes }: { attributes: TraceCollector['resources'][number] }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

/** All spans of a request, which ends after the others. */
const spansOf = (traceId: string) =>
  until(async () => {
    const spans = collector.of(traceId);
    return spans.some(({ kind }) => kind === KIND.server) && spans;
  });

describe('traces', () => {
  it('continue the caller’s with the request and its queries, and name the service', async () => {
    const { traceId, spanId, headers } = newTrace();
    const body = newcomer();
    const { traceparent } = await send('POST', '/auth/register', headers, body);
    const spans = await spansOf(traceId);
    const request = spans.find(({ kind }) => kind === KIND.server);
    expect(request).toMatchObject({ name: 'POST /auth/register', parentSpanId: spanId });
    expect(attributesOf(request!)).toEqual({
      'http.request.method': 'POST',
      'http.route': '/auth/register',
      'http.response.status_code': 201,
    });
    expect(traceparent).toBe(`00-${traceId}-${request!.spanId}-01`);
    const queries = spans.filter(({ kind }) => kind === KIND.client);
    expect(new Set(queries.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([request!.spanId]));
    expect(queries.map(({ name }) => name)).toEqual(expect.arrayContaining(['INSERT', 'COMMIT']));
    expect(attributesOf(queries[0]!)).toMatchObject({ 'db.system.name': 'postgresql' });
    expect(attributesOf({ attributes: collector.resources[0]! })).toMatchObject({
      'service.name': 'meetinity-user-service',
      'deployment.environment.name': 'test',
    });
    expect(JSON.stringify(collector.spans)).not.toContain(body.email);
  });

  it('have no span of a request that its caller does not sample, or whose path is unknown by its path', async () => {
    const unsampled = newTrace(false);
    await send('GET', '/users/profile', unsampled.headers);
    const unknown = newTrace();
    await send('GET', '/a/secret/path', unknown.headers);
    const [span] = await spansOf(unknown.traceId);
    expect(span!.name).toBe('GET');
    expect(collector.of(unsampled.traceId)).toEqual([]);
  });

  it('mark a request that fails', async () => {
    await app.sql('ALTER TABLE user_preferences RENAME TO hidden');
    const { traceId, headers } = newTrace();
    const answer = await send('POST', '/auth/register', headers, newcomer());
    await app.sql('ALTER TABLE hidden RENAME TO user_preferences');
    expect(answer.status).toBe(500);
    const failed = (await spansOf(traceId)).filter(({ status }) => status.code === STATUS.error);
    expect(failed.map(({ kind }) => kind)).toEqual(expect.arrayContaining([KIND.server, KIND.client]));
    expect(failed.flatMap(({ attributes }) => attributes)).toContainEqual({
      key: 'error.type',
      value: { stringValue: '42P01' },
    });
  });

  it('show each mail that is sent', async () => {
    await send('POST', '/auth/register', {}, newcomer());
    await until(async () => collector.spans.some(({ name }) => name === 'send mail email_verification'));
  });
});

describeWith('kafka', 'the trace of a request', () => {
  it('goes on in the message that another instance publishes', async () => {
    const topic = await TopicReader.open();
    const securityTopic = workerTopic('traced-security');
    await makeTopic(securityTopic);
    const { traceId, headers } = newTrace();
    const { body: opened } = await send('POST', '/auth/register', headers, newcomer());
    await startTraced({
      ...tracing(),
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','),
      KAFKA_USER_TOPIC: topic.topic,
      KAFKA_SECURITY_TOPIC: securityTopic,
    });
    const [message] = await topic.count(1, opened.user.id);
    const spans = await until(async () => {
      const all = collector.of(traceId);
      return all.some(({ kind }) => kind === KIND.producer) && all;
    });
    const sent = spans.find(({ kind }) => kind === KIND.producer);
    const request = spans.find(({ kind }) => kind === KIND.server);
    expect(sent).toMatchObject({ name: `send ${topic.topic}`, parentSpanId: request!.spanId });
    expect(message!.headers.traceparent).toBe(`00-${traceId}-${sent!.spanId}-01`);
    await topic.close();
  }, 70_000);
});
