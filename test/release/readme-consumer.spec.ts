import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { replay } from '../../src/events/replay.js';
import { Member, TestApp } from '../support/app.js';
import { describeWith, kafkaBrokers, workerTopic } from '../support/environment.js';
import { makeTopic, testKafka, withAdmin } from '../support/kafka.js';
import { ScratchDatabases } from '../support/scratch-database.js';
import { until } from '../support/until.js';

const GROUP = 'members';
const [, example] = /```js\n(\/\/ consumer\.mjs\n[\s\S]*?)```/.exec(readFileSync('docs/events.md', 'utf8')) ?? [];

describeWith('kafka', 'the consumer of docs/events.md', () => {
  const scratch = new ScratchDatabases();
  const topic = workerTopic();
  let values: Record<string, string>;
  let service: TestApp;
  let theirs: DataSource;
  let consumer: ChildProcess;
  let output = '';
  let [ada, bob, eve]: Member[] = [];

  const start = () => {
    const env = { ...process.env, ...values };
    consumer = spawn(process.execPath, ['--input-type=module', '--eval', example!], { env });
    for (const stream of [consumer.stdout!, consumer.stderr!]) stream.on('data', (data) => (output += String(data)));
  };
  const stop = async (signal: NodeJS.Signals) => {
    if (consumer.exitCode !== null || consumer.signalCode) return consumer.exitCode;
    const exit = once(consumer, 'exit');
    consumer.kill(signal);
    return (await exit)[0] as number | null;
  };
  const caughtUp = () =>
    withAdmin(async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const [done] = await admin.fetchOffsets({ groupId: GROUP, topics: [topic] });
      const at = new Map(done!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return ends.every(({ partition, high }) => high === '0' || at.get(partition) === Number(high));
    });
  /** The consumer's table, once it has committed all that is on the topic. */
  const members = async () => {
    const pending = 'SELECT 1 FROM outbox_events WHERE published_at IS NULL';
    await until(async () => (await service.sql(pending)).length === 0);
    // The coordinator of the group is not found at once while the group is new.
    await until(() => caughtUp().catch(() => false), 20_000);
    const rows = await theirs.query<{ user_id: string }[]>('SELECT user_id, email, name, outdated FROM members');
    return Object.fromEntries(rows.map(({ user_id, ...row }) => [user_id, row]));
  };
  const known = ({ email }: Member, name: string, outdated: boolean) => ({ email, name, outdated });
  const send = async (event: Record<string, unknown>) => {
    const producer = testKafka().producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: String(event.user_id), value: JSON.stringify(event) }] });
    await producer.disconnect();
  };

  beforeAll(async () => {
    values = { KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','), KAFKA_USER_TOPIC: topic };
    const url = await scratch.create();
    await makeTopic(topic);
    [service, theirs] = await Promise.all([TestApp.start(values), scratch.connect(url)]);
    values.DATABASE_URL = url;
    start();
  });
  afterAll(async () => {
    await stop('SIGKILL');
    await scratch.drop();
    await service.stopAndDrop();
  });

  it('stores new users and marks changed ones', async () => {
    [ada, bob, eve] = await Promise.all([service.member(), service.member({ name: 'Bob' }), service.member()]);
    await service.put('/users/profile', { bio: 'hello' }, ada.access);
    expect(await members()).toEqual({
      [ada.id]: known(ada, 'Ada Example', true),
      [bob.id]: known(bob, 'Bob', false),
      [eve.id]: known(eve, 'Ada Example', false),
    });
  });

  it('resumes, handles no event twice, and deletes erased users', async () => {
    await theirs.query('UPDATE members SET outdated = false');
    expect(await stop('SIGTERM')).toBe(0);
    await service.delete('/users/profile', eve!.access, { password: eve!.password });
    await service.put('/users/profile', { bio: 'hello' }, bob!.access);
    await replay(service.database, { since: new Date(0) });
    start();
    expect(await members()).toEqual({
      [ada!.id]: known(ada!, 'Ada Example', false),
      [bob!.id]: known(bob!, 'Bob', true),
    });
    const events = await service.sql('SELECT event_id FROM outbox_events WHERE NOT security ORDER BY event_id');
    expect(await theirs.query('SELECT event_id FROM handled_events ORDER BY event_id')).toEqual(events);
  });

  it('accepts fields that a later version adds, and stops at an invalid event', async () => {
    const common = () => ({ user_id: ada!.id, event_id: randomUUID(), timestamp: '2026-01-01T00:00:00Z' });
    const updated = { ...common(), event_type: 'user.updated', updated_fields: ['bio'], schema_version: 1 };
    await send({ ...common(), event_type: 'user.merged', schema_version: 1 });
    await send({ ...updated, reason: 'new' });
    expect((await members())[ada!.id]).toEqual(known(ada!, 'Ada Example', true));
    await send({ ...common(), event_type: 'user.deleted', schema_version: 2 });
    await until(() => output.includes('invalid event'));
    expect(await theirs.query('SELECT 1 FROM members WHERE user_id = $1', [ada!.id])).toHaveLength(1);
    expect(await caughtUp()).toBe(false);
  });
});
