import { TestApp } from './support/app.js';
import { until } from './support/until.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

describe('stored passwords', () => {
  it('reads passwords of up to 128 characters whole, and refuses longer ones', async () => {
    const password = 'a long password of many words '.repeat(5).slice(0, 128);
    const { email } = await service.member({ password });
    const typed = [password, password.slice(0, -1), `${password}x`, 'x'.repeat(5000)];
    const answers = typed.map((text) => service.post('/auth/login', { email, password: text }));
    const statuses = (await Promise.all(answers)).map(({ status, body }) => `${status},${body.error?.type ?? ''}`);
    expect(statuses.join(' ')).toBe(`200, ${'401,invalid_credentials '.repeat(3)}`.trim());
  });

  it.each([
    ['another cost', { BCRYPT_COST: '5' }, null, /^hmac-sha384:\$2b\$05\$/],
    [
      'an earlier release',
      {},
      '$2b$04$IBjfz8zYkv36Ok4uJyO8ZeiKUkOynIhCwl0ECRa5nBjBwXJsUc.M2',
      /^hmac-sha384:\$2b\$04\$/,
    ],
    ['the other kind', { PASSWORD_HASH: 'argon2id' }, null, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/],
  ])('rehashes a hash of %s after the answer', async (_, settings, before, after) => {
    const member = await service.member();
    if (before !== null) await service.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [member.id, before]);
    const other = await TestApp.start(settings);
    const credentials = { email: member.email, password: member.password };
    expect((await other.post('/auth/login', credentials)).status).toBe(200);
    const hashOf = () => service.sql('SELECT password_hash FROM users WHERE id = $1', [member.id]);
    await until(async () => after.test((await hashOf())[0]!.password_hash));
    expect((await other.post('/auth/login', credentials)).status).toBe(200);
    await other.stop();
    expect((await service.post('/auth/login', { email: member.email, password: member.password })).status).toBe(200);
  });
});
