import { Redis } from 'ioredis';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { VALUE_KIND } from '../src/cache/redis-entry.js';
import { UserCaches } from '../src/cache/user-caches.js';
import { runInTransaction } from '../src/database/transaction.js';
import { Member, TestApp } from './support/app.js';
import { describeWith, kafkaBrokers, workerRedisUrl, workerTopic } from './support/environment.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until } from './support/until.js';

describeWith('redis', 'the cache', () => {
  let service: TestApp;
  let redis: Redis;
  let member: Member;

  const key = () => `user:profile:${member.id}`;
  const profile = async () => (await service.get('/users/profile', member.access)).body;
  const cached = async () => {
    const raw = await redis.get(key());
    const entry = raw === null ? '' : (JSON.parse(raw) as string);
    return entry.startsWith('value.v3:') ? JSON.parse(entry.slice(entry.indexOf('{'))) : null;
  };

  // On a busy machine a slow look-up fills nothing; the next one does.
  const cachedProfile = () => until(async () => (await profile()) && (await cached()));
  const preferencesAreCached = () =>
    until(async () => {
      await service.get('/users/preferences', member.access);
      return (await redis.get(`user:preferences:${member.id}`))?.includes('value.v3:');
    });

  beforeAll(async () => {
    const url = await workerRedisUrl();
    redis = new Redis(url);
    service = await TestApp.start({ REDIS_URL: url });
    // A busy machine must not look like a Redis that is down.
    service.app.get(CircuitBreaker).timeoutMs = 5000;
  });
  beforeEach(async () => {
    member = await service.member();
  });
  afterAll(async () => {
    await service.stopAndDrop();
    redis.disconnect();
  });

  it('caches profiles for an hour and preferences for two', async () => {
    const { body } = await service.get('/users/preferences', member.access);
    expect(body.age_min).toBe(18);
    expect(await cachedProfile()).toMatchObject({ id: member.id, name: 'Ada Example' });
    await preferencesAreCached();
    const lives = await Promise.all([redis.pttl(key()), redis.pttl(`user:preferences:${member.id}`)]);
    expect(lives.map((life) => Math.round(life / 60_000))).toEqual([60, 120]);
  });

  it('holds the new value when a change is answered, without phone and birth date in clear', async () => {
    const body = { bio: 'new', phone: '+14155552671', date_of_birth: '1990-05-17' };
    await service.put('/users/profile', body, member.access);
    expect((await cached()).bio).toBe('new');
    await service.put('/users/preferences', { age_min: 20 }, member.access);
    expect(await redis.get(`user:preferences:${member.id}`)).toMatch(/age_min\\*":20/);
    expect(await profile()).toMatchObject(body);
    const names = await redis.keys('*');
    const values = await Promise.all(names.map((name) => redis.get(name).catch(() => null)));
    expect(values.join()).not.toMatch(/4155552671|1990-05-17/);
  });

  it('answers from the entry, and hands out strings that look like code as strings', async () => {
    const bio = '_function_x|function(){ return 1 }';
    await service.put('/users/profile', { bio }, member.access);
    await service.sql(`UPDATE users SET bio = 'past the cache' WHERE id = $1`, [member.id]);
    expect((await profile()).bio).toBe(bio);
    expect((await service.get('/metrics')).text).toMatch(/cache_reads_total\{cache="profile",result="hit"\} \d/);
  });

  it.each(['not JSON', '"old format"', '42', '{"v":1}'])(
    'reads past %s in place of an entry, and replaces it',
    async (raw) => {
      await redis.set(key(), raw);
      expect((await profile()).id).toBe(member.id);
      // A read that finds Redis slow does not wait for what it keeps.
      const replaced = async () => (await redis.get(key())) !== raw && (await cached());
      expect(await until(async () => (await profile()) && (await replaced()))).toMatchObject({ id: member.id });
    },
  );

  it('reads past an entry of another version, and replaces it', async () => {
    await cachedProfile();
    const other = (await redis.get(key()))!.replace('value.v3:', 'value.v2:');
    await redis.set(key(), other);
    await service.sql(`UPDATE users SET bio = 'past the cache' WHERE id = $1`, [member.id]);
    expect((await profile()).bio).toBe('past the cache');
    expect((await cachedProfile()).bio).toBe('past the cache');
  });

  it('names another version once its fields are others', async () => {
    await preferencesAreCached();
    const preferences = (await service.get('/users/preferences', member.access)).body;
    const fields = [await cachedProfile(), preferences].map((value) => Object.keys(value).sort().join(' '));
    expect([VALUE_KIND, ...fields]).toMatchInlineSnapshot(`
      [
        "value.v3",
        "bio company created_at date_of_birth email gender has_password id industry is_active is_verified job_title last_login linkedin_url locale location mfa_enabled name oauth_provider phone profile_picture_url role updated_at",
        "age_max age_min created_at industries interests job_levels location_radius notification_email notification_push privacy_location privacy_profile updated_at",
      ]
    `);
  });

  it('serves no old value after a change of any kind', async () => {
    const read = async () => (await profile()).last_login;
    const first = await read();
    await service.post('/auth/login', { email: member.email, password: member.password });
    expect(await read()).not.toBe(first);
    const changes = Array.from({ length: 8 }, (_, n) =>
      service.put('/users/profile', { [['bio', 'company', 'location', 'industry'][n % 4]!]: `${n}` }, member.access),
    );
    await Promise.all([...changes, ...Array.from({ length: 20 }, profile)]);
    const [row] = await service.sql('SELECT bio, company, location, industry FROM users WHERE id = $1', [member.id]);
    expect(await profile()).toMatchObject(row);
  });

  it('deletes the entries of a deleted user', async () => {
    await cachedProfile();
    await preferencesAreCached();
    await runInTransaction(service.database, async (tx) => {
      service.app.get(UserCaches).removed(tx, member.id);
      await tx.query('DELETE FROM users WHERE id = $1', [member.id]);
    });
    expect(await redis.keys(`user:*:${member.id}`)).toEqual([]);
  });

  it('is bypassed after a change by an instance that cannot reach Redis', async () => {
    const proxy = await TcpProxy.before(await workerRedisUrl());
    const cutOff = await TestApp.start({ REDIS_URL: proxy.url });
    await cachedProfile();
    proxy.freeze();
    await cutOff.put('/users/profile', { bio: 'made behind the cut' }, member.access);
    await until(async () => (await profile()).bio === 'made behind the cut', 2000);
    proxy.restore();
    await cutOff.stop();
    await proxy.stop();
  });
});

describeWith(['redis', 'kafka'], 'the cache beside the relay', () => {
  it('invalidates the entry when the event of a change is published', async () => {
    const [url, topic] = [await workerRedisUrl(), workerTopic()];
    const writer = await TestApp.start({ REDIS_URL: url });
    const member = await writer.member();
    await writer.put('/users/profile', { bio: 'x' }, member.access);
    const redis = new Redis(url);
    const entries = async () => (await redis.keys(`user:*:${member.id}`)).length;
    // A reader that finds Redis slow does not fill the entry; the next one does.
    await until(async () => {
      await writer.get('/users/preferences', member.access);
      await writer.get('/users/profile', member.access);
      return (await entries()) === 2;
    });
    const relay = await TestApp.start({
      REDIS_URL: url,
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','),
      KAFKA_USER_TOPIC: topic,
    });
    await until(async () => (await entries()) === 0, 10_000);
    redis.disconnect();
    await relay.stop();
    await writer.stopAndDrop();
  });
});

describeWith(['redis', 'kafka'], 'a failed invalidation', () => {
  it('is known to the process that starts next', async () => {
    const proxy = await TcpProxy.before(await workerRedisUrl());
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers().join(','), KAFKA_USER_TOPIC: workerTopic() };
    const before = await TestApp.start({ REDIS_URL: proxy.url, ...kafka });
    const member = await before.member();
    const waiting = async () => {
      const [row] = await before.sql('SELECT count(*)::int FROM outbox_events WHERE published_at IS NULL');
      return row!.count as number;
    };
    await until(async () => (await waiting()) === 0);
    const redis = new Redis(await workerRedisUrl());
    const isCached = async () => (await redis.get(`user:profile:${member.id}`))?.includes('value.v3:');
    await until(async () => (await before.get('/users/profile', member.access)) && (await isCached()));
    proxy.cut();
    await before.put('/users/profile', { bio: 'made behind the cut' }, member.access);
    await until(async () => (await waiting()) === 0);
    await before.stop();
    expect(await isCached()).toBe(true);
    const after = await TestApp.start({ REDIS_URL: await workerRedisUrl() });
    expect((await after.get('/users/profile', member.access)).body.bio).toBe('made behind the cut');
    await after.stopAndDrop();
    redis.disconnect();
    await proxy.stop();
  });
});

describe('without Redis', () => {
  it.each([
    ['in memory beside the embedded database', true, 'before'],
    ['not at all beside a shared one', false, 'by hand'],
  ])('profiles are cached %s', async (_, embedded, expected) => {
    const service = await TestApp.start({}, embedded);
    const { id, access } = await service.member();
    const bioAfterChangeByHand = async () => {
      await service.put('/users/profile', { bio: 'before' }, access);
      await service.get('/users/profile', access);
      await service.sql(`UPDATE users SET bio = 'by hand' WHERE id = $1`, [id]);
      return (await service.get('/users/profile', access)).body.bio;
    };
    await until(async () => (await bioAfterChangeByHand()) === expected);
    await service.put('/users/profile', { company: 'Acme' }, access);
    expect((await service.get('/users/profile', access)).body).toMatchObject({ bio: 'by hand', company: 'Acme' });
    await service.stopAndDrop();
  });

  it('two processes that share the embedded database invalidate each other', async () => {
    const [one, two] = [await TestApp.start({}, true), await TestApp.start({}, true)];
    const { access } = await one.member();
    await two.get('/users/profile', access);
    await one.put('/users/profile', { bio: 'new' }, access);
    await until(async () => (await two.get('/users/profile', access)).body.bio === 'new', 1000);
    await two.stop();
    await one.stopAndDrop();
  });
});
