import './support/log-file-only.js';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Member, TestApp } from './support/app.js';
import { complaints, userOf } from './support/asyncapi.js';
import { describeWith, kafkaBrokers, workerTopic } from './support/environment.js';
import { firstSeen, makeTopic, Received, TopicReader } from './support/kafka.js';
import { sessionOf } from './support/sessions.js';
import { until } from './support/until.js';

const ISSUER = 'https://users.example.com';
const HOUR_MS = 3_600_000;
const NEXT = 'another password, unknown to others';
const [, example] = /```js\n(\/\/ verifier\.mjs\n[\s\S]*?)```/.exec(readFileSync('docs/events.md', 'utf8')) ?? [];

describeWith('kafka', 'the topic of security events', () => {
  let service: TestApp;
  let topic: TopicReader;
  let values: Record<string, string>;
  let admin: Member;

  beforeAll(async () => {
    topic = await TopicReader.open();
    values = {
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','),
      KAFKA_USER_TOPIC: workerTopic('users'),
      KAFKA_SECURITY_TOPIC: topic.topic,
      SECURITY_EVENT_AUDIENCE: 'spec',
      JWT_ALGORITHM: 'ES256',
      PUBLIC_BASE_URL: ISSUER,
    };
    await makeTopic(values.KAFKA_USER_TOPIC!);
    service = await TestApp.start(values);
    admin = await service.memberWithRole('admin');
  });
  afterAll(async () => {
    await topic.close();
    await service.stopAndDrop();
  });

  const signIn = async ({ email, password }: Member) =>
    (await service.post('/auth/login', { email, password })).body.access_token as string;
  const typesOf = (messages: Received[]) => messages.map(({ headers }) => headers.event_type);

  it('names the session of a logout, and each session where all end', async () => {
    const member = await service.member();
    const others = [await signIn(member), await signIn(member)];
    await service.post('/auth/logout', undefined, others[0]);
    const [one] = await topic.count(1, member.id);
    const user = { format: 'iss_sub', iss: ISSUER, sub: member.id };
    const session = { format: 'opaque', id: sessionOf(others[0]!) };
    expect(one!.value).toEqual({
      jti: one!.headers.event_id,
      iat: expect.any(Number),
      iss: ISSUER,
      aud: 'spec',
      sub_id: { format: 'complex', session, user },
      events: {
        'https://schemas.openid.net/secevent/caep/event-type/session-revoked': {
          initiating_entity: 'user',
          reason_admin: { en: 'logout' },
        },
      },
    });
    expect(Math.abs(one!.value.iat - Date.now() / 1000)).toBeLessThan(60);
    await service.post('/auth/logout', { all: true }, others[1]);
    const rest = (await topic.count(4, member.id)).slice(1);
    expect(typesOf(rest)).toEqual(['session.revoked', 'session.revoked', 'sessions.revoked_all']);
    const ended = rest.slice(0, 2).map(({ value }) => value.sub_id.session.id);
    expect(ended.sort()).toEqual([sessionOf(member.access), sessionOf(others[1]!)].sort());
    expect(rest[2]!.value.sub_id).toEqual(user);
  });

  it('says what changed of credentials, status and existence, as the AsyncAPI document describes it', async () => {
    const member = await service.member();
    const token = await signIn(member);
    const change = { current_password: member.password, new_password: NEXT };
    expect((await service.post('/auth/password/change', change, token)).status).toBe(204);
    const status = (is_active: boolean) =>
      service.put(`/admin/users/${member.id}/status`, { is_active, reason: 'spec' }, admin.access);
    expect((await status(false)).status).toBe(200);
    expect((await status(true)).status).toBe(200);
    const again = await signIn({ ...member, password: NEXT });
    expect((await service.delete('/users/profile', again, { password: NEXT })).status).toBe(204);
    const messages = await topic.count(9, member.id);
    expect(typesOf(messages)).toEqual([
      'credential.changed',
      'session.revoked',
      'account.disabled',
      'session.revoked',
      'sessions.revoked_all',
      'account.enabled',
      'session.revoked',
      'sessions.revoked_all',
      'account.purged',
    ]);
    expect(Object.values(messages[0]!.value.events)).toEqual([{ credential_type: 'password', change_type: 'update' }]);
    for (const message of topic.received) {
      expect(complaints(message)).toEqual([]);
      expect(JSON.stringify(message.value)).not.toMatch(/@example|Ada Example/);
      expect(userOf(message.value)).toBe(message.key);
    }
    const rows = await service.sql('SELECT event_id FROM outbox_events WHERE security AND user_id = $1 ORDER BY id', [
      member.id,
    ]);
    expect(firstSeen(messages)).toEqual(rows.map(({ event_id }) => event_id));
    const events = await service.sql('SELECT count(*)::int FROM outbox_events WHERE NOT security AND user_id = $1', [
      member.id,
    ]);
    expect(events[0]!.count).toBeGreaterThan(0);
  });

  it('is not held up by a parked event of the same user on the other topic', async () => {
    const member = await service.member();
    await until(async () => (await service.sql('SELECT 1 FROM outbox_events WHERE published_at IS NULL')).length === 0);
    await service.sql(
      `UPDATE outbox_events SET published_at = NULL, parked_at = now() WHERE NOT security AND user_id = $1`,
      [member.id],
    );
    await service.put('/users/profile', { bio: 'stuck' }, member.access);
    await service.post('/auth/logout', undefined, member.access);
    await topic.count(1, member.id);
    const waiting =
      'SELECT security FROM outbox_events WHERE published_at IS NULL AND parked_at IS NULL AND user_id = $1';
    // An event is marked after it has arrived.
    await until(async () => !(await service.sql(waiting, [member.id])).some(({ security }) => security));
    expect(await service.sql(waiting, [member.id])).toEqual([{ security: false }]);
    await service.sql('UPDATE outbox_events SET parked_at = NULL WHERE user_id = $1', [member.id]);
  });

  describe('read by the verifier of docs/events.md', () => {
    let verifier: ChildProcess;
    const ask = async (lines: AsyncIterator<string>, token: string) => {
      verifier.stdin!.write(`${token}\n`);
      // kafkajs logs to the same stream.
      for (;;) {
        const { value } = (await lines.next()) as { value: string };
        if (value.startsWith('accepts ')) return value.slice('accepts '.length);
      }
    };

    it('has its sessions refused, those revoked before its start too', async () => {
      const [gone, member] = [await service.member(), await service.member()];
      await service.post('/auth/logout', undefined, gone.access);
      await topic.count(1, gone.id);
      await service.app.listen(0, '127.0.0.1');
      const { port } = service.app.getHttpServer().address() as { port: number };
      const loop = `for await (const line of (await import('node:readline')).createInterface({ input: process.stdin }))
        console.log('accepts', accepts(line));`;
      const env = { ...process.env, ...values, USERS_URL: `http://127.0.0.1:${port}` };
      const source = `${example}\n${loop}`;
      verifier = spawn(process.execPath, ['--input-type=module', '--eval', source], {
        env,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const lines = createInterface({ input: verifier.stdout! })[Symbol.asyncIterator]();
      try {
        expect(await ask(lines, gone.access)).toBe('false');
        expect(await ask(lines, member.access)).toBe('true');
        expect(await ask(lines, `${member.access.slice(0, -8)}AAAAAAAA`)).toBe('false');
        const other = await signIn(member);
        await service.post('/auth/logout', { all: true }, member.access);
        for (const token of [member.access, other]) await until(async () => (await ask(lines, token)) === 'false');
        expect(await ask(lines, await signIn(member))).toBe('true');
      } finally {
        const exit = once(verifier, 'exit');
        verifier.kill('SIGKILL');
        await exit;
      }
    }, 60_000);

    it('fits in forty lines', () => {
      const code = example!.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//'));
      expect(code.length).toBeGreaterThanOrEqual(20);
      expect(code.length).toBeLessThanOrEqual(40);
    });
  });
});

describeWith('kafka', 'a topic of security events that forgets too early', () => {
  it('raises an alert', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'meetinity-log-'));
    const topic = workerTopic('short');
    await makeTopic(topic, { configEntries: [{ name: 'retention.ms', value: String(24 * HOUR_MS) }] });
    const LOG_FILE = join(folder, 'log');
    const service = await TestApp.start({
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','),
      KAFKA_USER_TOPIC: workerTopic('users'),
      KAFKA_SECURITY_TOPIC: topic,
      LOG_LEVEL: 'error',
      LOG_FILE,
    });
    await service.member();
    await until(async () => (await readFile(LOG_FILE, 'utf8')).includes('security_topic_retention'));
    await service.stopAndDrop();
    await rm(folder, { recursive: true });
  }, 30_000);
});
