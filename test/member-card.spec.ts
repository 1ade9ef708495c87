import { ServiceCredentialsService } from '../src/services/service-credentials.service.js';
import { Member, TestApp } from './support/app.js';

let service: TestApp;
let reader: Member;

beforeAll(async () => {
  service = await TestApp.start();
  reader = await service.member({ name: 'Reader' });
});
afterAll(() => service.stopAndDrop());

const card = (id: string, token: string | undefined = reader.access) => service.get(`/users/${id}`, token);

async function described(): Promise<Member> {
  const member = await service.member({ name: 'Grace' });
  const profile = {
    bio: 'Compilers',
    location: 'Bern',
    industry: 'Technology',
    job_title: 'Engineer',
    company: 'Acme',
    linkedin_url: 'https://linkedin.com/in/grace',
    phone: '+14155552671',
    date_of_birth: '1990-05-17',
    gender: 'female',
  };
  await service.put('/users/profile', profile, member.access);
  return member;
}

describe('GET /users/{id}', () => {
  it('shows the fields of the card and no contact data', async () => {
    const { id, email } = await described();
    const { status, body, text } = await card(id);
    expect(status).toBe(200);
    expect(body).toEqual({
      id,
      name: 'Grace',
      profile_picture_url: null,
      bio: 'Compilers',
      location: 'Bern',
      industry: 'Technology',
      job_title: 'Engineer',
      company: 'Acme',
      linkedin_url: 'https://linkedin.com/in/grace',
    });
    for (const secret of [email, '4155552671', '1990', 'female']) expect(text).not.toContain(secret);
  });

  it.each(['private', 'connections'])('hides a member who is %s, except from themselves', async (visibility) => {
    const { id, access } = await described();
    await service.put('/users/preferences', { privacy_profile: visibility }, access);
    const answer = await card(id);
    expect([answer.status, answer.body.error.type]).toEqual([404, 'not_found']);
    expect((await card(id, access)).body).toMatchObject({ id, name: 'Grace' });
    await service.put('/users/preferences', { privacy_profile: 'public' }, access);
    expect((await card(id)).status).toBe(200);
  });

  it('hides the location on request', async () => {
    const { id, access } = await described();
    await service.put('/users/preferences', { privacy_location: false }, access);
    expect((await card(id)).body).toMatchObject({ location: null, company: 'Acme' });
  });

  it('answers 404 for an inactive member, and shows one whose preferences row is missing', async () => {
    const { id } = await described();
    await service.sql('DELETE FROM user_preferences WHERE user_id = $1', [id]);
    expect((await card(id)).body.location).toBe('Bern');
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [id]);
    expect((await card(id)).status).toBe(404);
  });

  it('answers the same for an unknown id and a hidden member', async () => {
    const { id, access } = await described();
    await service.put('/users/preferences', { privacy_profile: 'private' }, access);
    const [unknown, hidden] = [await card('00000000-0000-4000-8000-000000000000'), await card(id)];
    expect({ ...unknown.body, request_id: '' }).toEqual({ ...hidden.body, request_id: '' });
  });

  it.each(['me', '1', "1' OR 1=1", '00000000-0000-4000-8000-00000000000g', '%00'])('refuses the id %s', async (id) => {
    const answer = await card(encodeURIComponent(id));
    expect([answer.status, answer.body.error.type]).toEqual([400, 'validation_failed']);
    expect(answer.body.error.details[0].field).toBe('id');
  });

  it('does not shadow other paths, and requires an access token', async () => {
    expect((await card('profile')).body.email).toBe(reader.email);
    expect((await card('preferences')).body.age_min).toBe(18);
    expect((await service.get(`/users/${reader.id}`)).status).toBe(401);
    const wrong = await service.post(`/users/${reader.id}`, {}, reader.access);
    expect([wrong.status, wrong.headers.allow]).toEqual([405, 'DELETE, GET, HEAD, PUT']);
  });
});

describe('POST /users/batch', () => {
  it('names a member as missing who is erased during the request', async () => {
    const token = await service.app.get(ServiceCredentialsService).create('events', ['users:read', 'preferences:read']);
    const [stays, erased] = [await described(), await described()];
    // Old data: the request makes the row, and waits for that.
    await service.sql('DELETE FROM user_preferences WHERE user_id = $1', [erased.id]);
    const { answer } = await service.database.transaction(async (tx) => {
      await tx.query('LOCK TABLE user_preferences IN SHARE MODE');
      const body = { user_ids: [stays.id, erased.id], include: ['preferences'] };
      const sent = service.post('/users/batch', body, token);
      await service.blocked();
      await tx.query('DELETE FROM users WHERE id = $1', [erased.id]);
      return { answer: sent };
    });
    const { status, body } = await answer;
    expect([status, body.missing]).toEqual([200, [erased.id]]);
    expect(body.users.map(({ id }: { id: string }) => id)).toEqual([stays.id]);
  });
});
