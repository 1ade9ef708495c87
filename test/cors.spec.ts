import { TestApp } from './support/app.js';

let service: TestApp;
beforeAll(async () => {
  service = await TestApp.start({ CORS_ORIGINS: 'https://app.example' });
});
afterAll(() => service.stopAndDrop());

it('allows preflights of the configured origins only, with the headers that clients send', async () => {
  const preflight = (origin: string) =>
    service.request('OPTIONS', '/auth/login', {
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-client-version,x-client-platform,x-request-id',
      },
    });
  const ours = await preflight('https://app.example');
  expect(ours.status).toBe(204);
  expect(ours.headers['access-control-allow-origin']).toBe('https://app.example');
  for (const name of ['X-Client-Version', 'X-Client-Platform', 'X-Request-ID'])
    expect(ours.headers['access-control-allow-headers']).toContain(name);
  expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).not.toBe(
    'https://evil.example',
  );
});

it.each([
  ['an answer', '/health/live', 200],
  ['a refusal', '/users/profile', 401],
  ['an address where nothing is', '/nowhere', 404],
])('lets the configured origins read %s', async (_, path, status) => {
  const answer = await service.get(path, undefined, { origin: 'https://app.example' });
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({
    'access-control-allow-origin': 'https://app.example',
    'access-control-expose-headers': expect.stringContaining('X-Request-ID'),
    vary: 'Origin',
  });
  const foreign = await service.get(path, undefined, { origin: 'https://evil.example' });
  expect(foreign.headers['access-control-allow-origin']).not.toBe('https://evil.example');
});

it('allows every origin with CORS_ORIGINS=*, without credentials', async () => {
  const open = await TestApp.start({ CORS_ORIGINS: '*' });
  const { headers } = await open.get('/health/live', undefined, { origin: 'https://any.example' });
  expect(headers['access-control-allow-origin']).toBe('*');
  expect(headers['access-control-allow-credentials']).toBeUndefined();
  await open.stop();
});
