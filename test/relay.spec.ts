import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigResourceTypes } from 'kafkajs';
import { replay } from '../src/events/replay.js';
import { TestApp } from './support/app.js';
import { describeWith, kafkaBrokers, workerDatabase } from './support/environment.js';
import { firstSeen, kafkaProxy, TopicReader, withAdmin } from './support/kafka.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until, within } from './support/until.js';

const RELAYS = `SELECT pid, client_port FROM pg_stat_activity JOIN pg_locks USING (pid)
  WHERE locktype = 'advisory' AND objid = 7205761 AND granted AND datname = current_database()`;

describeWith('kafka', 'the relay', () => {
  let topic: TopicReader;
  let service: TestApp;
  const instances: TestApp[] = [];

  const start = async (values: Record<string, string> = {}) => {
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','), KAFKA_USER_TOPIC: topic.topic };
    const instance = await TestApp.start({ ...kafka, ...values });
    instances.push(instance);
    return instance;
  };
  /** Writes events past the API, one statement for all. */
  const insert = (count: number, users: string[], payload: unknown = { updated_fields: ['bio'] }) =>
    service.sql(
      `INSERT INTO outbox_events (user_id, event_type, payload)
       SELECT ($2::uuid[])[1 + n % array_length($2::uuid[], 1)], 'user.updated', $3 FROM generate_series(1, $1) AS n`,
      [count, users, payload],
    );
  const idsOf = async (user: string) =>
    (await service.sql('SELECT event_id FROM outbox_events WHERE user_id = $1 ORDER BY id', [user])).map(
      ({ event_id }) => event_id as string,
    );
  const inOrder = async (users: string[]) => {
    for (const user of users) {
      const ids = await idsOf(user);
      await until(() => firstSeen(topic.of(user)).length >= ids.length);
      expect(firstSeen(topic.of(user))).toEqual(ids);
    }
  };
  const waiting = async () => {
    const [{ count }] = await service.sql(
      'SELECT count(*)::int FROM outbox_events WHERE published_at IS NULL AND parked_at IS NULL',
    );
    return count as number;
  };
  const drained = () => until(async () => (await waiting()) === 0, 15_000);
  const limitMessages = (bytes: number) =>
    withAdmin((admin) => {
      const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }];
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic.topic, configEntries }];
      return admin.alterConfigs({ validateOnly: false, resources });
    });

  beforeAll(async () => {
    topic = await TopicReader.open();
    service = await TestApp.start();
  });
  afterEach(async () => {
    await Promise.all(instances.splice(0).map((instance) => instance.stop()));
  });
  afterAll(async () => {
    await topic.close();
    await service.stopAndDrop();
  });

  it('runs on one of two instances and publishes the events of both once and in order', async () => {
    const [one, two] = [await start(), await start()];
    const { id, access } = await one.member();
    for (let n = 0; n < 10; n += 1)
      await Promise.all(
        [one, two].map((app, i) => app.put('/users/profile', { bio: `${n}`, company: `${i}` }, access)),
      );
    await drained();
    expect(await service.sql(RELAYS)).toHaveLength(1);
    const sent = await idsOf(id);
    await topic.count(sent.length, id);
    expect(topic.of(id).map(({ value }) => value.event_id)).toEqual(sent);
  });

  it('takes over within five seconds when the connection of the lock is killed', async () => {
    await Promise.all([start(), start()]);
    const user = randomUUID();
    for (let round = 0; round < 3; round += 1) {
      await until(async () => (await service.sql(RELAYS)).length === 1);
      const [{ pid }] = await service.sql(RELAYS);
      await service.sql('SELECT pg_terminate_backend($1)', [pid]);
      await insert(50, [user]);
      await topic.count(50 * (round + 1), user, 5000);
    }
    await inOrder([user]);
  });

  it('takes over within five seconds from an instance that hangs, which publishes nothing when it wakes', async () => {
    const proxy = await TcpProxy.before(await workerDatabase());
    await start({ DATABASE_DIRECT_URL: proxy.url });
    await until(async () => (await service.sql(RELAYS)).length === 1);
    const [hung] = await service.sql(RELAYS);
    await start();
    const user = randomUUID();
    proxy.freeze();
    await insert(20, [user]);
    await topic.count(20, user, 5000);
    expect((await service.sql(RELAYS))[0].pid).not.toBe(hung.pid);
    await insert(20, [user]);
    await topic.count(40, user, 5000);
    proxy.restore();
    await sleep(300);
    expect(topic.of(user).map(({ value }) => value.event_id)).toEqual(await idsOf(user));
    await proxy.stop();
  });

  it('parks a refused event, holds back later events of its user and publishes those of other users', async () => {
    await limitMessages(3000);
    const [big, ...others] = Array.from({ length: 5 }, () => randomUUID()) as [string, ...string[]];
    const before = new Date();
    await insert(10, [...others, big]);
    await insert(1, [big], { updated_fields: ['x'.repeat(5000)] });
    await insert(50, [big, ...others]);
    const instance = await start();
    await until(async () => (await waiting()) === 10);
    await inOrder(others);
    const parked = await service.sql('SELECT last_error, user_id FROM outbox_events WHERE parked_at IS NOT NULL');
    expect(parked).toEqual([{ last_error: 'MESSAGE_TOO_LARGE', user_id: big }]);
    expect(firstSeen(topic.of(big))).toHaveLength(2);
    expect((await instance.get('/metrics')).text).toMatch(/events_parked_total 1/);

    await limitMessages(1_000_000);
    await replay(service.database, { since: before, userId: big });
    await drained();
    await inOrder([big, ...others]);
  });

  it('repeats the history in order, before what is new, under the same ids', async () => {
    await start();
    const users = [randomUUID(), randomUUID()];
    await insert(30, users);
    await drained();
    const [{ since }] = await service.sql(
      'SELECT min(created_at) AS since FROM outbox_events WHERE user_id = ANY ($1)',
      [users],
    );
    const [range] = await Promise.all([replay(service.database, { since, userId: users[0] }), insert(30, users)]);
    expect(range!.events).toBeGreaterThanOrEqual(15);
    await drained();
    for (const user of users) {
      const ids = await idsOf(user);
      const repeated = user === users[0] ? ids.slice(0, range!.events) : [];
      await topic.count(ids.length + repeated.length, user);
      const seen = topic.of(user).map(({ value }) => value.event_id);
      expect(seen.slice(-ids.length)).toEqual(user === users[0] ? ids : seen.slice(-ids.length));
      expect(firstSeen(topic.of(user))).toEqual(ids);
    }
  });

  it('publishes in order after the broker was cut off or hung', async () => {
    const proxy = await kafkaProxy();
    if (!proxy) return;
    const instance = await start({ KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${proxy.port}` });
    const { id, access } = await instance.member();
    await topic.count(1, id);
    for (const fault of ['cut', 'freeze'] as const) {
      proxy[fault]();
      for (let n = 0; n < 10; n += 1)
        await within(1500, async () => {
          expect((await instance.put('/users/profile', { bio: `${fault} ${n}` }, access)).status).toBe(200);
        });
      expect((await instance.get('/health')).body).toMatchObject({
        status: 'degraded',
        dependencies: { kafka: 'down' },
      });
      proxy.restore();
      await drained();
    }
    await topic.count(21, id);
    await inOrder([id]);
    await proxy.stop();
  });

  it('deletes only events published before the retention', async () => {
    await insert(3, [randomUUID()]);
    const [old, fresh] = [randomUUID(), randomUUID()];
    await insert(4, [old, fresh]);
    await service.sql(
      `UPDATE outbox_events SET created_at = now() - interval '9 days', published_at = now() - interval '8 days' WHERE user_id = $1`,
      [old],
    );
    await start();
    await until(async () => (await idsOf(old)).length === 0);
    expect(await idsOf(fresh)).toHaveLength(2);
  });

  it('publishes while old events cannot be deleted, and counts no publish error', async () => {
    const errors = async () => /event_publish_errors_total (\d+)/.exec((await service.get('/metrics')).text)![1];
    const before = await errors();
    const [old, user] = [randomUUID(), randomUUID()];
    await insert(1, [old]);
    await service.sql(
      `UPDATE outbox_events SET created_at = now() - interval '9 days', published_at = now() - interval '8 days' WHERE user_id = $1`,
      [old],
    );
    await service.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$`);
    await service.sql('CREATE TRIGGER refuse BEFORE DELETE ON outbox_events FOR EACH ROW EXECUTE FUNCTION refuse()');
    try {
      await start();
      for (let round = 1; round <= 3; round += 1) {
        await insert(1, [user]);
        await topic.count(round, user, 5000);
        await drained();
      }
      expect([await errors(), await idsOf(old)]).toEqual([before, [expect.anything()]]);
    } finally {
      await service.sql('DROP TRIGGER refuse ON outbox_events; DROP FUNCTION refuse()');
    }
  });
});
