import type { Pooler } from '../../scripts/services/pgbouncer.js';
import { runInTransaction } from '../../src/database/transaction.js';
import { databaseError } from '../../src/common/database-errors.js';
import { TestApp } from '../support/app.js';
import { describeWith, kafkaBrokers, workerDatabase, workerPooler, workerRedisUrl } from '../support/environment.js';
import { firstSeen, TopicReader } from '../support/kafka.js';
import { until } from '../support/until.js';

describeWith(['pgbouncer', 'redis', 'kafka'], 'two instances behind a pooler in transaction mode', () => {
  let pooler: Pooler;
  let topic: TopicReader;
  let one: TestApp;
  let two: TestApp;

  beforeAll(async () => {
    [pooler, topic] = await Promise.all([workerPooler(), TopicReader.open()]);
    const values = {
      DATABASE_URL: pooler.url,
      DATABASE_DIRECT_URL: await workerDatabase(),
      DATABASE_PREPARED_STATEMENTS: 'false',
      DATABASE_STATEMENT_TIMEOUT_MS: '2000',
      REDIS_URL: await workerRedisUrl(),
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','),
      KAFKA_USER_TOPIC: topic.topic,
    };
    [one, two] = await Promise.all([TestApp.start(values), TestApp.start(values)]);
  });
  afterAll(async () => {
    await topic.close();
    await one.stop();
    await two.stopAndDrop();
    await pooler.stop();
  });

  it('are ready, and serve an account between them', async () => {
    for (const instance of [one, two]) expect((await instance.get('/ready')).status).toBe(200);
    const member = await one.member();
    const bios = Array.from({ length: 30 }, (_, n) => `${n}`);
    const answers = await Promise.all(
      bios.map((bio, n) => [one, two][n % 2]!.put('/users/profile', { bio }, member.access)),
    );
    expect(answers.map(({ status }) => status)).toEqual(bios.map(() => 200));
    const [row] = await one.sql('SELECT bio FROM users WHERE id = $1', [member.id]);
    expect((await two.get('/users/profile', member.access)).body.bio).toBe(row.bio);
    const ids = await one.sql('SELECT event_id FROM outbox_events WHERE NOT security AND user_id = $1 ORDER BY id', [
      member.id,
    ]);
    await topic.count(ids.length, member.id);
    expect(firstSeen(topic.of(member.id))).toEqual(ids.map(({ event_id }) => event_id));
  });

  it('learn of a revoked session at once', async () => {
    const { access } = await one.member();
    expect((await two.get('/users/profile', access)).status).toBe(200);
    await one.post('/auth/logout', {}, access);
    expect((await two.get('/users/profile', access)).status).toBe(401);
  });

  it('count wrong passwords together', async () => {
    const values = {
      RATE_LIMIT_ENABLED: 'true',
      DATABASE_URL: pooler.url,
      DATABASE_DIRECT_URL: await workerDatabase(),
    };
    const redis = { REDIS_URL: await workerRedisUrl() };
    const throttled = await Promise.all([1, 2].map(() => TestApp.start({ ...values, ...redis })));
    const { email } = await one.member();
    const statuses: number[] = [];
    for (let n = 0; n < 12; n += 1)
      statuses.push((await throttled[n % 2]!.post('/auth/login', { email, password: 'not the password' })).status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2);
    await Promise.all(throttled.map((instance) => instance.stop()));
  });

  it('have one relay', async () => {
    await until(async () => {
      const holders = await one.sql(
        `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7205761 AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return holders.length === 1;
    });
  });

  it('cut off a statement that takes too long, inside a transaction and outside', async () => {
    const outside = one.sql('SELECT pg_sleep(5)').catch((error: unknown) => databaseError(error)?.type);
    const inside = runInTransaction(one.database, (tx) => tx.query('SELECT pg_sleep(5)')).catch(
      (error: unknown) => databaseError(error)?.type,
    );
    const started = performance.now();
    expect(await Promise.all([outside, inside])).toEqual(['busy', 'busy']);
    expect(performance.now() - started).toBeLessThan(3500);
    const [limits] = await runInTransaction(two.database, (tx) =>
      tx.query<{ rest: string }[]>(`SELECT current_setting('idle_in_transaction_session_timeout') AS rest`),
    );
    expect(limits!.rest).toBe('10s');
  });
});
