import { TestApp } from './support/app.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const DEFAULTS = {
  age_min: 18,
  age_max: 65,
  location_radius: 50,
  industries: [],
  job_levels: [],
  interests: [],
  notification_email: true,
  notification_push: true,
  privacy_profile: 'public',
  privacy_location: true,
};

const put = (body: unknown, access: string) => service.put('/users/preferences', body, access);

async function eventsOf(id: string): Promise<unknown[]> {
  const rows = await service.sql(
    `SELECT payload->'updated_fields' AS fields FROM outbox_events
      WHERE user_id = $1 AND event_type = 'user.updated' ORDER BY id`,
    [id],
  );
  return rows.map(({ fields }) => fields);
}

describe('GET /users/preferences', () => {
  it('has every field of the contract, with the specified defaults after registration', async () => {
    const { access } = await service.member();
    const { status, body, headers } = await service.get('/users/preferences', access);
    expect(status).toBe(200);
    expect(body).toEqual({ ...DEFAULTS, created_at: expect.any(String), updated_at: expect.any(String) });
    expect(headers['cache-control']).toBe('private, no-store');
  });

  it('creates a missing row once for concurrent requests', async () => {
    const { id, access } = await service.member();
    await service.sql('DELETE FROM user_preferences WHERE user_id = $1', [id]);
    const answers = await Promise.all(Array.from({ length: 5 }, () => service.get('/users/preferences', access)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers[0]!.body).toMatchObject(DEFAULTS);
    await service.sql('DELETE FROM user_preferences WHERE user_id = $1', [id]);
    expect((await put({ age_min: 30 }, access)).body).toMatchObject({ ...DEFAULTS, age_min: 30 });
  });

  it('requires an access token', async () => {
    expect((await service.get('/users/preferences')).status).toBe(401);
  });
});

describe('PUT /users/preferences', () => {
  it('merges, replaces lists, trims entries, and answers with the whole object', async () => {
    const { access } = await service.member();
    const first = await put({ age_min: 25, age_max: 45, industries: [' Technology ', 'Finance'] }, access);
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ ...DEFAULTS, age_min: 25, age_max: 45, industries: ['Technology', 'Finance'] });
    const second = await put({ industries: ['Health'], privacy_profile: 'connections' }, access);
    expect(second.body).toMatchObject({ age_min: 25, industries: ['Health'], privacy_profile: 'connections' });
    expect((await put({ industries: [] }, access)).body.industries).toEqual([]);
    expect((await service.get('/users/preferences', access)).body).toMatchObject({ age_max: 45, industries: [] });
  });

  it('accepts the example of the specification', async () => {
    const { access } = await service.member();
    const body = {
      age_min: 25,
      age_max: 45,
      location_radius: 30,
      industries: ['Technology', 'Finance'],
      interests: ['AI', 'Blockchain', 'Startups'],
      notification_email: true,
      privacy_profile: 'public',
    };
    expect((await put(body, access)).body).toMatchObject(body);
  });

  it('publishes the names of changed fields, and no event without a change', async () => {
    const { id, access } = await service.member();
    const before = (await service.get('/users/preferences', access)).body;
    await put({ ...DEFAULTS }, access);
    await put({}, access);
    expect((await service.get('/users/preferences', access)).body).toEqual(before);
    const changed = await put({ interests: ['AI'], age_min: 20, age_max: 65, notification_push: true }, access);
    expect(changed.body.updated_at > before.updated_at).toBe(true);
    await put({ interests: ['AI'] }, access);
    expect(await eventsOf(id)).toEqual([['preferences.age_min', 'preferences.interests']]);
    const audit = await service.sql(
      `SELECT actor_id, after FROM audit_logs WHERE target_id = $1 AND action = 'preferences.updated'`,
      [id],
    );
    expect(audit).toEqual([{ actor_id: id, after: { updated_fields: ['age_min', 'interests'] } }]);
  });

  it('keeps every field of concurrent changes', async () => {
    const { id, access } = await service.member();
    const changes = [
      { age_min: 21 },
      { age_max: 40 },
      { location_radius: 7 },
      { industries: ['a'] },
      { job_levels: ['b'] },
      { interests: ['c'] },
      { notification_email: false },
      { privacy_profile: 'private' },
    ];
    const answers = await Promise.all(changes.map((change) => put(change, access)));
    expect(answers.map(({ status }) => status)).toEqual(changes.map(() => 200));
    const { body } = await service.get('/users/preferences', access);
    expect(body).toMatchObject(Object.assign({}, ...changes));
    expect(await eventsOf(id)).toHaveLength(changes.length);
  });

  it('checks the order of the ages against the stored row, also for concurrent changes', async () => {
    const { access } = await service.member();
    await put({ age_min: 30, age_max: 40 }, access);
    for (const [field, body] of [
      ['age_min', { age_min: 41 }],
      ['age_max', { age_max: 29 }],
      ['age_max', { age_min: 50, age_max: 49 }],
    ] as const) {
      const answer = await put(body, access);
      expect([answer.status, answer.body.error.type]).toEqual([400, 'validation_failed']);
      expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
    }
    const race = await Promise.all([put({ age_min: 38 }, access), put({ age_max: 35 }, access)]);
    expect(race.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect((await put({ age_min: 120, age_max: 120 }, access)).status).toBe(200);
  });

  const hundred = 'x'.repeat(100);

  it('accepts the limits themselves', async () => {
    const { access } = await service.member();
    const industries = Array.from({ length: 50 }, (_, index) => `${index}`.padEnd(100, 'x'));
    const answer = await put({ industries, interests: [hundred], location_radius: 20_000, age_max: 120 }, access);
    expect(answer.body).toMatchObject({ industries, interests: [hundred], location_radius: 20_000, age_max: 120 });
  });

  it.each([
    ['age_min', { age_min: 17 }],
    ['age_min', { age_min: '25' }],
    ['age_min', { age_min: 20.5 }],
    ['age_max', { age_max: 121 }],
    ['age_max', { age_max: null }],
    ['location_radius', { location_radius: 0 }],
    ['location_radius', { location_radius: 20_001 }],
    ['industries', { industries: Array.from({ length: 51 }, (_, index) => `${index}`) }],
    ['industries', { industries: ['AI', ' AI'] }],
    ['industries', { industries: ['\u00e9', 'e\u0301'] }],
    ['job_levels', { job_levels: ['Senior', 'SENIOR'] }],
    ['interests', { interests: ['Straße', 'STRASSE'] }],
    ['interests', { interests: ['ΣΟΦΟΣ', 'σοφος', 'Σοφοσ'] }],
    ['interests', { interests: ['I', 'i'] }],
    ['job_levels', { job_levels: ['  '] }],
    ['job_levels', { job_levels: [`${hundred}x`] }],
    ['interests', { interests: 'AI' }],
    ['interests', { interests: [7] }],
    ['interests', { interests: [['AI']] }],
    ['interests', { interests: null }],
    ['notification_email', { notification_email: 'true' }],
    ['notification_push', { notification_push: null }],
    ['privacy_profile', { privacy_profile: 'friends' }],
    ['privacy_location', { privacy_location: 1 }],
    ['id', { id: 'x' }],
    ['user_id', { user_id: '00000000-0000-4000-8000-000000000000' }],
    ['updated_at', { updated_at: '2020-01-01T00:00:00Z' }],
  ])('refuses an invalid %s and stores nothing', async (field, body) => {
    const { access } = await service.member();
    const answer = await put({ notification_email: false, ...body }, access);
    expect([answer.status, answer.body.error?.type]).toEqual([400, 'validation_failed']);
    expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
    expect((await service.get('/users/preferences', access)).body.notification_email).toBe(true);
  });
});
