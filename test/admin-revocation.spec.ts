import { Member, TestApp } from './support/app.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const ROW = ({ id }: Member) => `SELECT FROM users WHERE id = '${id}' FOR UPDATE`;
const LINE = () => 'SELECT pg_advisory_xact_lock(7205764)';
const DEMOTION = `UPDATE users SET role = 'user' WHERE id = $1`;
const ERASURE = 'DELETE FROM users WHERE id = $1';

describe('an administrator who revokes the sessions of another', () => {
  it.each([
    ['demoted while waiting for the user', ROW, DEMOTION],
    ['demoted while waiting in line', LINE, DEMOTION],
    ['erased while waiting in line', LINE, ERASURE],
  ])('is refused if %s', async (_, held, end) => {
    const [by, target] = [await service.memberWithRole('admin'), await service.member()];
    const { asked } = await service.database.transaction(async (tx) => {
      await tx.query(held(target));
      const late = service.post(`/admin/users/${target.id}/sessions/revoke`, {}, by.access);
      await service.blocked();
      await tx.query(end, [by.id]);
      return { asked: late };
    });
    const { status, body } = await asked;
    expect([status, body.error?.type]).toEqual([401, 'unauthenticated']);
    expect((await service.get('/users/profile', target.access)).status).toBe(200);
    expect(await service.sql('SELECT action FROM audit_logs WHERE actor_id = $1 AND target_id <> $1', [by.id])).toEqual(
      [],
    );
  });
});
