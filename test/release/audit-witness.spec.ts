import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Member, TestApp } from '../support/app.js';
import { describeWith, kafkaBrokers, workerTopic } from '../support/environment.js';
import { makeTopic, testKafka } from '../support/kafka.js';
import { runScript } from '../support/scripts.js';
import { until } from '../support/until.js';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, n) => n)).toString('base64');
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-witness-'));
const topic = workerTopic('checkpoints');
let variables: Record<string, string>;

/** The size in the stored checkpoint. */
const signed = () => {
  try {
    return Number(readFileSync(path.join(folder, 'checkpoint'), 'utf8').split('\n')[1]);
  } catch {
    return 0;
  }
};
const audited = async (service: TestApp) => Number((await service.sql('SELECT count(*) FROM audit_logs'))[0]!.count);
const caughtUp = (service: TestApp) => until(async () => signed() === (await audited(service)), 15_000);

const verify = (...more: string[]) => runScript('audit-verify', ['--checkpoints', folder, ...more], { variables });

describeWith('kafka', 'the witnessed audit', () => {
  let service: TestApp;
  let member: Member;

  beforeAll(async () => {
    variables = {
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','),
      KAFKA_USER_TOPIC: workerTopic(),
      KAFKA_AUDIT_TOPIC: topic,
      AUDIT_WITNESS_KEY: KEY,
      LOG_LEVEL: 'info',
      AUDIT_WITNESS_NAME: 'example.com/audit',
      AUDIT_WITNESS_FOLDER: folder,
    };
    await makeTopic(topic, { numPartitions: 1 });
    service = await TestApp.start(variables);
    member = await service.member();
  });
  afterAll(async () => {
    await service.stopAndDrop();
    rmSync(folder, { recursive: true });
  });

  it('signs every committed entry and sends the checkpoint to Kafka', async () => {
    await service.put('/users/profile', { bio: 'x' }, member.access);
    await caughtUp(service);
    const consumer = testKafka().consumer({ groupId: topic, maxWaitTimeInMs: 20 });
    const notes: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void notes.push(String(message.value)) });
    await until(() => notes.includes(readFileSync(path.join(folder, 'checkpoint'), 'utf8')), 15_000);
    await consumer.disconnect();
    const file = path.join(folder, 'notes');
    writeFileSync(file, notes.join('\n'));
    expect(await verify('--checkpoints', file)).toMatchObject({ code: 0, stderr: '' });
  });

  it('gives an entry that commits late the next leaf, and loses none', async () => {
    const late = service.database.createQueryRunner();
    const before = await audited(service);
    await late.startTransaction();
    await late.query(`INSERT INTO audit_logs (action) VALUES ('late.entry')`);
    // More than a batch and several rounds, so that what is settled would have passed the late one.
    await service.sql(`INSERT INTO audit_logs (action) SELECT 'early.entry' FROM generate_series(1, 1500)`);
    await until(() => signed() === before + 1500, 15_000);
    for (let rounds = 0; rounds < 3; rounds += 1) {
      await service.sql(`INSERT INTO audit_logs (action) VALUES ('early.entry')`);
      await caughtUp(service);
    }
    await late.commitTransaction();
    await late.release();
    await caughtUp(service);
    const [last] = await service.sql(
      `SELECT action FROM audit_leaves JOIN audit_logs ON id = entry_id ORDER BY leaf_index DESC LIMIT 1`,
    );
    expect(last).toEqual({ action: 'late.entry' });
    expect(await verify()).toMatchObject({ code: 0 });
  });

  it('forgets an erased person: the salt is gone, and every proof still holds', async () => {
    const gone = await service.member();
    await service.put('/users/profile', { bio: 'x' }, gone.access);
    await caughtUp(service);
    const salts = () => service.sql('SELECT FROM audit_salts WHERE person_id = $1', [gone.id]);
    expect(await salts()).toHaveLength(1);
    expect((await service.delete('/users/profile', gone.access, { password: gone.password })).status).toBe(204);
    expect(await salts()).toEqual([]);
    await caughtUp(service);
    expect(await salts()).toEqual([]);
    expect(await verify()).toMatchObject({ code: 0 });
  });

  it('shows how far the signatures are behind', async () => {
    const lag = async () =>
      Number(/^meetinity_user_audit_witness_lag_seconds (\S+)$/m.exec((await service.get('/metrics')).text)![1]);
    await until(async () => (await lag()) < 5);
    expect(await lag()).toBeGreaterThan(0);
  });

  it('continues under the next leader where the last one stopped', async () => {
    const other = await TestApp.start(variables);
    await service.stop();
    await other.member();
    await caughtUp(other);
    expect(await verify()).toMatchObject({ code: 0 });
    service = other;
  });
});
