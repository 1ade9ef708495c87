import bcrypt from 'bcrypt';
import { TestApp } from './support/app.js';
import { mailedToken } from './support/mailbox.js';
import { login } from './support/sign-ins.js';

const COMPOSED = 'Se\u0301curite\u0301-E\u0301te\u0301-1'.normalize('NFC');
const DECOMPOSED = COMPOSED.normalize('NFD');
const [NEXT, NEXT_DECOMPOSED] = ['Ünsicher-Größe-2', 'Ünsicher-Größe-2'.normalize('NFD')];
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const statuses = async (email: string, ...passwords: string[]) => {
  const found: number[] = [];
  for (const password of passwords) found.push((await login(service, email, password)).status);
  return found;
};

describe('a password', () => {
  it.each([
    ['composed', COMPOSED],
    ['decomposed', DECOMPOSED],
  ])('that is registered %s signs in in either form', async (_, password) => {
    const { email } = await service.member({ password });
    expect(await statuses(email, COMPOSED, DECOMPOSED, 'Securite-Ete-1')).toEqual([200, 200, 401]);
  });

  it('is equal in either form for change, reset, its page and the deletion of the account', async () => {
    const { email, access } = await service.member({ password: COMPOSED });
    const change = (current_password: string, new_password: string) =>
      service.post('/auth/password/change', { current_password, new_password }, access);
    expect((await change(DECOMPOSED, COMPOSED)).body.error?.type).toBe('weak_password');
    expect((await change(DECOMPOSED, NEXT_DECOMPOSED)).status).toBe(204);
    expect(await statuses(email, NEXT, NEXT_DECOMPOSED, COMPOSED)).toEqual([200, 200, 401]);
    await service.post('/auth/password/forgot', { email });
    const token = await mailedToken(email, 'password_reset');
    const fields = { token, password: COMPOSED, password_repeat: DECOMPOSED };
    const page = await service.request('POST', '/auth/pages/password-reset', {
      payload: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(page.status).toBe(200);
    const { body } = await login(service, email, COMPOSED);
    expect((await service.delete('/users/profile', body.access_token, { password: DECOMPOSED })).status).toBe(204);
  });

  it('is checked against the rules in its stored form', async () => {
    const register = (name: string, password: string) =>
      service.post('/auth/register', { email: 'judged@example.com', name, password });
    // Seven characters, and ten code points as typed.
    const { body } = await register('Ada', 'E\u0301e\u0301a\u03011xyz');
    expect(body.error.details[0].message).toContain('at least 8 characters');
    expect(
      (await register('Zoe\u0308 Ame\u0301lie Noe\u0308l', 'zoë amélie noël'.normalize('NFD'))).body.error.type,
    ).toBe('weak_password');
    // 36 letters of two bytes each, and of three as typed.
    expect((await register('Ada', 'e\u0301'.repeat(36))).status).toBe(201);
  });

  it('that was hashed as typed signs in as typed, and in either form afterwards', async () => {
    const { id, email } = await service.member();
    const hash = await bcrypt.hash(DECOMPOSED, 4);
    await service.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [id, hash]);
    expect(await statuses(email, COMPOSED, DECOMPOSED, COMPOSED, DECOMPOSED)).toEqual([401, 200, 200, 200]);
    const [row] = await service.sql<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [id]);
    expect([await bcrypt.compare(COMPOSED, row!.password_hash), row!.password_hash === hash]).toEqual([true, false]);
    await statuses(email, DECOMPOSED);
    expect(await service.sql('SELECT password_hash FROM users WHERE id = $1', [id])).toEqual([row]);
  });

  it('takes a number of comparisons that depends on its spelling, not on the account', async () => {
    const [one, old] = [await service.member({ password: COMPOSED }), await service.member()];
    await service.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [old.id, await bcrypt.hash(DECOMPOSED, 4)]);
    const compare = jest.spyOn(bcrypt, 'compare');
    const comparisons: number[] = [];
    for (const email of ['unknown@example.com', one.email, old.email])
      for (const password of [COMPOSED, DECOMPOSED]) {
        compare.mockClear();
        await login(service, email, password);
        comparisons.push(compare.mock.calls.length);
      }
    compare.mockRestore();
    expect(comparisons).toEqual([1, 2, 1, 2, 1, 2]);
  });
});
