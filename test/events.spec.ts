import { runInTransaction } from '../src/database/transaction.js';
import { OutboxService } from '../src/events/outbox.service.js';
import { OutboxSubjects } from '../src/events/outbox-subjects.js';
import { replay } from '../src/events/replay.js';
import { userDeleted } from '../src/events/user-events.js';
import { TestApp, uniqueEmail } from './support/app.js';
import { describeWith, kafkaBrokers } from './support/environment.js';
import { complaints, document, userOf } from './support/asyncapi.js';
import { TopicReader } from './support/kafka.js';
import { runScript } from './support/scripts.js';
import { until } from './support/until.js';

describeWith('kafka', 'events on the topic', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  let service: TestApp;
  let topic: TopicReader;
  let kafka: Record<string, string>;

  beforeAll(async () => {
    topic = await TopicReader.open();
    kafka = { KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','), KAFKA_USER_TOPIC: topic.topic };
    service = await TestApp.start(kafka);
  });
  afterAll(async () => {
    await topic.close();
    await service.stopAndDrop();
  });

  it('describe a registration, a change and a deletion as specified', async () => {
    const { id, access, email } = await service.member();
    const body = { location: 'Bern', bio: 'x', phone: '+41791234567' };
    await service.request('PUT', '/users/profile', { token: access, body, headers: { traceparent } });
    await runInTransaction(service.database, (tx) => service.app.get(OutboxService).add(tx, userDeleted(id), null));
    const messages = await topic.count(3, id);
    const common = {
      user_id: id,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
      event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      schema_version: 1,
    };
    expect(messages.map(({ value }) => value)).toEqual([
      { ...common, event_type: 'user.created', email, name: 'Ada Example' },
      { ...common, event_type: 'user.updated', updated_fields: ['bio', 'location', 'phone'] },
      { ...common, event_type: 'user.deleted' },
    ]);
    const headers = messages.map((message) => message.headers);
    expect(headers[0]).toEqual({
      event_id: messages[0]!.value.event_id,
      event_type: 'user.created',
      'content-type': 'application/json',
      // Begun here: the caller had none.
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
    });
    expect(headers[1]!.traceparent).toBe(traceparent);
  });

  it('match the AsyncAPI document', async () => {
    const members = await Promise.all([
      service.member(),
      service.member({ name: '名前 "quoted" 🦊', email: uniqueEmail().replace('example', 'bücher') }),
    ]);
    await Promise.all(members.map(({ access }) => service.put('/users/profile', { gender: 'other' }, access)));
    await topic.count(7);
    for (const message of topic.received) expect(complaints(message)).toEqual([]);
    const types = new Set(topic.received.map(({ value }) => value.event_type));
    expect([...types].sort()).toEqual(['user.created', 'user.deleted', 'user.updated']);
  });

  it('are described by a document with valid references and examples', () => {
    const pointers = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) =>
      path!.split('/'),
    );
    for (const path of pointers) expect(path.reduce((node, name) => node?.[name], document)).toBeDefined();
    for (const { name, examples } of Object.values<any>(document.components.messages))
      for (const { payload } of examples) {
        const event_id = payload.event_id ?? payload.jti;
        const headers = { event_id, event_type: name, 'content-type': 'application/json' };
        const message = { key: userOf(payload), value: payload, headers, partition: 0, offset: 0, at: 0 };
        expect(complaints(message)).toEqual([]);
      }
  });

  it('are replayed by npm run events:replay', async () => {
    const { id, access } = await service.member();
    await service.put('/users/profile', { bio: 'first' }, access);
    const first = (await topic.count(2, id)).map(({ value }) => value.event_id);
    const [{ since }] = await service.sql('SELECT min(created_at) AS since FROM outbox_events WHERE user_id = $1', [
      id,
    ]);
    const args = ['replay', '--user', id, '--since', (since as Date).toISOString()];
    const { output } = await runScript('events', args, { variables: kafka });
    expect(output).toMatch(/2 events published/);
    await topic.count(4, id);
    expect(topic.of(id).map(({ value }) => value.event_id)).toEqual([...first, ...first]);
  });

  it('hold no personal data of an erased user when replayed', async () => {
    const { id, access, password } = await service.member();
    expect((await service.delete('/users/profile', access, { password })).status).toBe(204);
    await topic.count(2, id);
    await replay(service.database, { since: new Date(0), userId: id });
    const [created, deleted] = (await topic.count(4, id)).slice(2);
    expect(created!.value).toMatchObject({ event_type: 'user.created', email: `${id}@erased.invalid`, name: 'Erased' });
    expect([deleted!.value.event_type, complaints(created!)]).toEqual(['user.deleted', []]);
  });
});

describeWith('kafka', 'an event that the broker refuses while its user is erased', () => {
  it('is published with placeholders, before user.deleted', async () => {
    const config = { configEntries: [{ name: 'max.message.bytes', value: '800' }] };
    const topic = await TopicReader.open(config);
    const service = await TestApp.start();
    const { id } = await service.member({ name: '🦊'.repeat(255) });
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','), KAFKA_USER_TOPIC: topic.topic };
    const relay = await runInTransaction(service.database, async (tx) => {
      await service.app.get(OutboxSubjects).erase(tx, id);
      await service.app.get(OutboxService).add(tx, userDeleted(id), null);
      const started = await TestApp.start(kafka);
      // It has read and sent the event as it was before, and waits for the row to set it aside.
      await service.blocked();
      return started;
    });
    const events = (await topic.count(2, id)).map(({ value }) => [value.event_type, value.name]);
    expect(events).toEqual([
      ['user.created', 'Erased'],
      ['user.deleted', undefined],
    ]);
    await relay.stop();
    await topic.close();
    await service.stopAndDrop();
  });
});

describe('without Kafka', () => {
  it('events stay in the outbox', async () => {
    const service = await TestApp.start();
    const { id } = await service.member();
    await until(async () => (await service.sql('SELECT 1 FROM outbox_events WHERE user_id = $1', [id])).length === 1);
    expect(await service.sql('SELECT published_at FROM outbox_events')).toEqual([{ published_at: null }]);
    expect((await service.get('/health')).body).toMatchObject({ status: 'ok', dependencies: { kafka: 'disabled' } });
    await service.stopAndDrop();
  });
});
