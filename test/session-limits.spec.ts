import { TestApp } from './support/app.js';

const DAY_SECONDS = 86_400;
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start({ SESSION_MAX_DAYS: '40', JWT_REFRESH_EXPIRATION_DAYS: '30' });
});
afterAll(() => service.stopAndDrop());

/** Moves all times of the user's sessions into the past. */
const age = (userId: string, interval: string) =>
  service.sql(
    `UPDATE user_sessions SET created_at = created_at - $2::interval, expires_at = now() + interval '1 day',
            ends_at = ends_at - $2::interval, rotated_at = rotated_at - $2::interval WHERE user_id = $1`,
    [userId, interval],
  );

describe('a session', () => {
  it('is extended by a refresh up to its end, which the list shows, and no further', async () => {
    const member = await service.member();
    const [session] = (await service.get('/users/sessions', member.access)).body.sessions;
    expect(Date.parse(session.ends_at) - Date.parse(session.created_at)).toBe(40 * DAY_SECONDS * 1000);
    await age(member.id, '39 days 23 hours');
    const { status, body } = await service.post('/auth/refresh', { refresh_token: member.refresh });
    expect(status).toBe(200);
    for (const seconds of [body.refresh_expires_in, body.expires_in]) {
      expect(seconds).toBeGreaterThan(3000);
      expect(seconds).toBeLessThanOrEqual(3600);
    }
    await service.sql(
      `UPDATE user_sessions SET ends_at = ends_at - interval '1 hour', expires_at = expires_at - interval '1 hour'
                        WHERE user_id = $1`,
      [member.id],
    );
    const late = await service.post('/auth/refresh', { refresh_token: body.refresh_token });
    expect([late.status, late.body.error.type]).toEqual([401, 'invalid_refresh_token']);
  });

  it('cannot be longer than its end from the start', async () => {
    const short = await TestApp.start({ SESSION_MAX_DAYS: '1' });
    const { email, password } = await short.member();
    const { body } = await short.post('/auth/login', { email, password });
    expect([body.refresh_expires_in, body.expires_in]).toEqual([DAY_SECONDS, DAY_SECONDS]);
    await short.stop();
  });
});
