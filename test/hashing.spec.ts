import bcrypt from 'bcrypt';
import { Member, TestApp } from './support/app.js';
import { tally } from './support/sign-ins.js';
import { until } from './support/until.js';

let service: TestApp;
let member: Member;

beforeAll(async () => {
  // The queue reckons with the time of a hash of this cost; none is computed here but the one of the registration.
  service = await TestApp.start({ BCRYPT_COST: '12' });
  member = await service.member();
});
afterAll(() => service.stopAndDrop());

it('answers busy with Retry-After to sign-ins that cannot be hashed in time, and serves other requests', async () => {
  // Connections are opened first: this is about hashes.
  await Promise.all(Array.from({ length: 20 }, () => service.get('/users/profile', member.access)));
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  const compare = jest.spyOn(bcrypt, 'compare').mockImplementation(async () => {
    await held;
    return true;
  });
  let refused = 0;
  const all = Array.from({ length: 200 }, async () => {
    const answer = await service.post('/auth/login', { email: member.email, password: member.password });
    if (answer.status === 429) refused += 1;
    return answer;
  });
  await until(() => refused > 100);
  const profile = await service.get('/users/profile', member.access);
  expect([profile.status, compare.mock.calls.length <= 2]).toEqual([200, true]);
  release();
  const answers = await Promise.all(all);
  compare.mockRestore();
  const counts = tally(answers);
  expect(counts).toEqual({ 200: expect.any(Number), 429: refused });
  expect(counts[200]).toBeGreaterThan(10);
  for (const { body, headers } of answers.filter(({ status }) => status === 429)) {
    expect(body.error.type).toBe('busy');
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
  }
});
