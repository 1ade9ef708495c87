import bcrypt from 'bcrypt';
import { decode } from 'jsonwebtoken';
import { Answer, Member, TestApp } from './support/app.js';
import { login } from './support/sign-ins.js';

const NEXT = 'another horse battery';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

/** Sends a request and commits a change of the account between its read and its write. */
async function overtaken(member: Member, change: string, send: () => Promise<Answer>): Promise<Answer> {
  const other = service.database.createQueryRunner();
  await other.startTransaction();
  await other.query(`UPDATE users SET ${change} WHERE id = '${member.id}'`);
  const answer = send();
  await service.blocked();
  await other.commitTransaction();
  await other.release();
  return answer;
}

describe('an account that changes between the comparison and the write', () => {
  const signIn = ({ email, password }: Member) => login(service, email, password);
  const change = ({ access, password }: Member) =>
    service.post('/auth/password/change', { current_password: password, new_password: NEXT }, access);
  const erase = ({ access, password }: Member) => service.delete('/users/profile', access, { password });

  it.each([
    ['a sign-in', signIn, 200],
    ['a password change', change, 204],
    ['an erasure', erase, 204],
  ])('accepts the right password of %s if it was only rehashed', async (_, send, status) => {
    const member = await service.member();
    const renewed = await bcrypt.hash(member.password, 5);
    const answer = await overtaken(member, `password_hash = '${renewed}'`, () => send(member));
    expect([answer.status, answer.body?.error?.type]).toEqual([status, undefined]);
  });

  it.each([
    ['a sign-in', signIn],
    ['a password change', change],
    ['an erasure', erase],
  ])('refuses %s if the password was changed', async (_, send) => {
    const member = await service.member();
    const other = await bcrypt.hash(NEXT, 4);
    const answer = await overtaken(member, `password_hash = '${other}'`, () => send(member));
    expect([answer.status, answer.body.error.type]).toEqual([401, 'invalid_credentials']);
  });

  it('refuses a sign-in if it was deactivated', async () => {
    const member = await service.member();
    const answer = await overtaken(member, 'is_active = false', () => signIn(member));
    expect([answer.status, answer.body.error.type]).toEqual([403, 'account_disabled']);
  });

  it('signs in with the new role', async () => {
    const admin = await service.memberWithRole('admin');
    const { body } = await overtaken(admin, `role = 'user'`, () => signIn(admin));
    expect([body.user.role, (decode(body.access_token) as { role: string }).role]).toEqual(['user', 'user']);
  });
});
