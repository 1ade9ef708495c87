import bcrypt from 'bcrypt';
import { TestApp } from './support/app.js';
import { until } from './support/until.js';
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
    // 116 characters, and 216 code points as typed.
    expect((await register('Ada', `${'e\u0301'.repeat(100)} of many letters`)).status).toBe(201);
  });

  it('that was hashed as typed signs in as typed, and in either form afterwards', async () => {
    const { id, email } = await service.member();
    const hash = await bcrypt.hash(DECOMPOSED, 4);
    await service.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [id, hash]);
    const stored = async () =>
      (await service.sql('SELECT password_hash FROM users WHERE id = $1', [id]))[0]!.password_hash;
    expect(await statuses(email, COMPOSED, DECOMPOSED)).toEqual([401, 200]);
    await until(async () => (await stored()) !== hash);
    const renewed = await stored();
    expect(await statuses(email, COMPOSED, DECOMPOSED)).toEqual([200, 200]);
    expect(await stored()).toBe(renewed);
  });
});
