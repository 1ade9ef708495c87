import { TestApp } from './support/app.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

describe('large requests of one client', () => {
  const LARGE = JSON.stringify({ refresh_token: 'x'.repeat(8 * 1024) });
  const refresh = (remoteAddress: string) =>
    service.request('POST', '/auth/refresh', {
      payload: LARGE,
      headers: { 'content-type': 'application/json' },
      remoteAddress,
    });

  it('wait for each other, not for those of another client, and get 429 beyond two seconds', async () => {
    let answered = 0;
    const many = Array.from({ length: 300 }, async () => {
      const answer = await refresh('192.0.2.1');
      answered += 1;
      return answer;
    });
    expect((await refresh('192.0.2.2')).status).toBe(401);
    expect(answered).toBeLessThan(many.length);
    const answers = await Promise.all(many);
    const busy = answers.filter(({ status }) => status === 429);
    expect(busy.length).toBeGreaterThan(0);
    expect(answers.length - busy.length).toBe(answers.filter(({ status }) => status === 401).length);
    expect(busy[0]).toMatchObject({ body: { error: { type: 'rate_limited' } }, headers: { 'retry-after': '2' } });
  });

  it('wait for each other where the URL is large', async () => {
    const url = `/auth/oauth/google?redirect_uri=${'x'.repeat(8 * 1024)}`;
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => service.request('GET', url, { remoteAddress: '192.0.2.3' })),
    );
    expect(answers.map(({ status, headers }) => `${status} ${headers['retry-after']}`)).toContain('429 2');
  });
});
