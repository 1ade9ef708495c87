import { eventsOf, member, provenMember } from './support/accounts.js';
import { Answer, Member, TestApp } from './support/app.js';

let service: TestApp;
let admin: Member;

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
});
afterAll(() => service.stopAndDrop());

const setRole = (id: string, body: object) => service.put(`/admin/users/${id}/role`, body, admin.access);
const typeOf = ({ status, body }: Answer) => [status, body.error?.type];

describe('PUT /admin/users/{id}/role', () => {
  it('requires a proven password for a higher role, and says how to get one', async () => {
    const [owner, unproven] = [await provenMember(service), await member(service, true)];
    const refused = await setRole(unproven.id, { role: 'moderator' });
    expect([...typeOf(refused), refused.body.message]).toEqual([
      409,
      'password_unproven',
      expect.stringMatching(/reset/),
    ]);
    expect(typeOf(await setRole((await service.member()).id, { role: 'admin' }))).toEqual([409, 'email_not_verified']);
    expect(await eventsOf(service, unproven.id)).toHaveLength(1);
    expect((await service.get('/users/profile', unproven.access)).status).toBe(200);

    for (const role of ['moderator', 'admin']) expect((await setRole(owner.id, { role })).body.role).toBe(role);
    expect((await service.post('/auth/login', { email: owner.email, password: owner.password })).status).toBe(200);
    // What takes a role away never waits for a proof.
    await service.sql('UPDATE users SET password_proven_at = NULL WHERE id = $1', [owner.id]);
    for (const role of ['moderator', 'user']) expect((await setRole(owner.id, { role })).body.role).toBe(role);
  });
});
