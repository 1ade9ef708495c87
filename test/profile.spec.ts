import { isAdultBirthDate } from '../src/users/profile.dto.js';
import { TestApp } from './support/app.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const FIELDS =
  `id email name role is_active is_verified has_password mfa_enabled locale oauth_provider profile_picture_url bio location
  industry job_title company linkedin_url phone date_of_birth gender last_login created_at updated_at`.split(/\s+/);

async function eventsOf(id: string): Promise<unknown[]> {
  const rows = await service.sql(
    `SELECT payload->'updated_fields' AS fields FROM outbox_events
      WHERE user_id = $1 AND event_type = 'user.updated' ORDER BY id`,
    [id],
  );
  return rows.map(({ fields }) => fields);
}

describe('GET /users/profile', () => {
  it('has every field of the contract, absent ones null, at both paths', async () => {
    const { access } = await service.member();
    const answer = await service.get('/users/profile', access);
    expect(Object.keys(answer.body).sort()).toEqual(FIELDS.sort());
    expect((await service.get('/auth/profile', access)).body).toEqual(answer.body);
    expect((await service.get('/api/users/profile', access)).body).toEqual(answer.body);
    expect(answer.headers['cache-control']).toBe('private, no-store');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('decrypts fields from the database and from the cache, beside any other text', async () => {
    const { access } = await service.member();
    const body = { phone: '+14155552671', bio: '"phone":null,"date_of_birth":null', job_title: '\\"phone":null\\' };
    await service.put('/users/profile', body, access);
    for (const time of ['first', 'again']) {
      const answer = await service.get('/users/profile', access);
      expect([time, answer.body]).toEqual([time, expect.objectContaining({ ...body, date_of_birth: null })]);
    }
  });
});

describe('PUT /users/profile', () => {
  it('merges, clears with null, and answers with the whole object', async () => {
    const { access } = await service.member();
    const first = await service.put('/users/profile', { bio: ' Engineer ', location: 'Bern', company: 'Acme' }, access);
    expect(first.body).toMatchObject({ bio: 'Engineer', location: 'Bern', company: 'Acme', name: 'Ada Example' });
    const second = await service.put('/users/profile', { location: null }, access);
    expect(second.body).toMatchObject({ bio: 'Engineer', location: null });
    expect((await service.get('/users/profile', access)).body).toEqual(second.body);
  });

  it('publishes the names of changed fields, sorted, and no event without a change', async () => {
    const { id, access } = await service.member();
    await service.put('/users/profile', { name: 'Ada Example', phone: '+14155552671', bio: 'x' }, access);
    await service.put('/users/profile', { phone: '+14155552671', bio: 'x' }, access);
    expect(await eventsOf(id)).toEqual([['bio', 'phone']]);
    const audit = await service.sql(
      `SELECT after FROM audit_logs WHERE target_id = $1 AND action = 'profile.updated'`,
      [id],
    );
    expect(audit).toEqual([{ after: { updated_fields: ['bio', 'phone'] } }]);
  });

  it('stores phone and birth date as ciphertext that decrypts in its own row only', async () => {
    const [one, two] = [await service.member(), await service.member()];
    const body = { phone: '+14155552671', date_of_birth: '1990-05-17' };
    expect((await service.put('/users/profile', body, one.access)).body).toMatchObject(body);
    const [row] = await service.sql('SELECT phone, date_of_birth FROM users WHERE id = $1', [one.id]);
    expect(JSON.stringify(row)).not.toMatch(/4155552671|1990/);
    await service.sql('UPDATE users SET phone = $2, date_of_birth = $3 WHERE id = $1', [
      two.id,
      row.phone,
      row.date_of_birth,
    ]);
    expect((await service.get('/users/profile', two.access)).body).toMatchObject({ phone: null, date_of_birth: null });
  });

  it('keeps every field of concurrent changes', async () => {
    const { id, access } = await service.member();
    const changes = ['bio', 'location', 'industry', 'job_title', 'company', 'gender'];
    const answers = await Promise.all(
      changes.map((field) => service.put('/users/profile', { [field]: 'set' }, access)),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const { body } = await service.get('/users/profile', access);
    expect(changes.map((field) => body[field])).toEqual(changes.map(() => 'set'));
    expect(await eventsOf(id)).toHaveLength(changes.length);
  });

  it.each([
    ['id', { id: 'x' }],
    ['email', { email: 'other@example.com' }],
    ['role', { role: 'admin' }],
    ['is_active', { is_active: true }],
    ['is_verified', { is_verified: true }],
    ['created_at', { created_at: '2020-01-01T00:00:00Z' }],
    ['name', { name: null }],
    ['name', { name: '   ' }],
    ['bio', { bio: 'x'.repeat(2001) }],
    ['linkedin_url', { linkedin_url: 'http://linkedin.com/in/a' }],
    ['linkedin_url', { linkedin_url: 'https://linkedin.com.evil.example/in/a' }],
    ['linkedin_url', { linkedin_url: 'https://linkedin.com@evil.example/' }],
    ['linkedin_url', { linkedin_url: 'https://linkedin.com\\@evil.example/' }],
    ['linkedin_url', { linkedin_url: 'https:linkedin.com/in/a' }],
    ['linkedin_url', { linkedin_url: 'https:///linkedin.com/in/a' }],
    ['linkedin_url', { linkedin_url: 'https://linkedin.com/in/\na' }],
    ['linkedin_url', { linkedin_url: '\u0001https://linkedin.com/in/a' }],
    ['phone', { phone: '0041791234567' }],
    ['phone', { phone: '+10000000' }],
    ['date_of_birth', { date_of_birth: '2001-02-30' }],
    ['date_of_birth', { date_of_birth: new Date().toISOString().slice(0, 10) }],
    ['gender', { gender: 7 }],
  ])('refuses an invalid %s and stores nothing', async (field, body) => {
    const { id, access } = await service.member();
    const answer = await service.put('/users/profile', { company: 'Acme', ...body }, access);
    expect(answer.status).toBe(400);
    expect(answer.body.error.type).toBe('validation_failed');
    expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
    expect(await service.sql('SELECT company FROM users WHERE id = $1', [id])).toEqual([{ company: null }]);
  });

  it.each(['+15551234567', '+14155552671', '+41791234567', '+4915112345678'])('accepts %s', async (phone) => {
    const { access } = await service.member();
    expect((await service.put('/users/profile', { phone }, access)).body.phone).toBe(phone);
  });

  it('clears a field that does not decrypt', async () => {
    const { id, access } = await service.member();
    await service.sql(`UPDATE users SET phone = 'v1.gone.AAAA' WHERE id = $1`, [id]);
    expect((await service.put('/users/profile', { phone: null }, access)).body.phone).toBeNull();
    expect(await service.sql('SELECT phone FROM users WHERE id = $1', [id])).toEqual([{ phone: null }]);
  });

  it('computes eighteen years to the day, also from 29 February', () => {
    const on = (day: string) => new Date(`${day}T12:00:00Z`);
    expect(isAdultBirthDate('2010-03-01', on('2028-02-29'))).toBe(false);
    expect(isAdultBirthDate('2010-02-28', on('2028-02-29'))).toBe(true);
    expect(isAdultBirthDate('2010-03-01', on('2028-03-01'))).toBe(true);
  });

  it('accepts a user who turns 18 today', async () => {
    const { access } = await service.member();
    const now = new Date();
    const day = new Date(Date.UTC(now.getUTCFullYear() - 18, now.getUTCMonth(), now.getUTCDate()));
    const answer = await service.put('/users/profile', { date_of_birth: day.toISOString().slice(0, 10) }, access);
    expect(answer.status).toBe(200);
  });
});
