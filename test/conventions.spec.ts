import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { TestApp } from './support/app.js';

let service: TestApp;
let port: number;

beforeAll(async () => {
  service = await TestApp.start();
  await service.app.listen(0, '127.0.0.1');
  ({ port } = service.app.getHttpServer().address() as { port: number });
});
afterAll(() => service.stopAndDrop());

function expectErrorBody(body: unknown, code: number, type: string): void {
  expect(body).toEqual({
    error: { code, type, message: expect.any(String), details: expect.any(Array) },
    message: expect.any(String),
    request_id: expect.any(String),
  });
}

describe('the error body', () => {
  const json = { 'content-type': 'application/json' };
  it.each([
    ['an unknown address', 'GET', '/nope', {}, 404, 'not_found'],
    ['a wrong method', 'DELETE', '/auth/login', {}, 405, 'method_not_allowed'],
    ['malformed JSON', 'POST', '/auth/login', { headers: json, payload: '{"email":' }, 400, 'invalid_json'],
    ['a prototype key', 'POST', '/auth/login', { headers: json, payload: '{"__proto__":{}}' }, 400, 'invalid_json'],
    [
      'an oversized body',
      'POST',
      '/auth/login',
      { headers: json, payload: `"${'a'.repeat(300_000)}"` },
      413,
      'payload_too_large',
    ],
    ['a bad escape in the URL', 'GET', '/users/%zz', {}, 400, 'bad_request'],
    [
      'an urlencoded body',
      'POST',
      '/auth/login',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'email=a' },
      415,
      'unsupported_media_type',
    ],
    [
      'a text body',
      'POST',
      '/auth/login',
      { headers: { 'content-type': 'text/plain' }, payload: 'x' },
      415,
      'unsupported_media_type',
    ],
    ['a body that is a list', 'POST', '/auth/login', { headers: json, payload: '[]' }, 400, 'validation_failed'],
    ['a body that is a text', 'POST', '/auth/login', { headers: json, payload: '"x"' }, 400, 'validation_failed'],
    ['a body that is null', 'POST', '/auth/login', { headers: json, payload: 'null' }, 400, 'validation_failed'],
    ['an empty body', 'POST', '/auth/login', { headers: json, payload: '' }, 400, 'validation_failed'],
    [
      'U+0000 in a field',
      'POST',
      '/auth/register',
      { headers: json, payload: '{"name":"a\\u0000b"}' },
      400,
      'bad_request',
    ],
  ] as const)('is the same for %s', async (_, method, url, options, code, type) => {
    const answer = await service.request(method, url, options);
    expect(answer.status).toBe(code);
    expectErrorBody(answer.body, code, type);
    expect(answer.headers['x-request-id']).toBe(answer.body.request_id);
  });

  it('lists the allowed methods with 405', async () => {
    const answer = await service.request('PATCH', '/users/profile?x=1');
    expect([answer.status, answer.headers.allow]).toEqual([405, 'DELETE, GET, HEAD, PUT']);
  });

  it.each([
    ['headers beyond the limit', `GET / HTTP/1.1\r\nx-big: ${'a'.repeat(20_000)}`, 431, 'headers_too_large'],
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close', 400, 'bad_request'],
    ['a method that is for proxies', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x', 400, 'bad_request'],
    ['an unknown expectation', 'GET /x HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close', 404, 'not_found'],
  ])('is the same for errors found by Node: %s', async (_, request, code, type) => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`${request}\r\n\r\n`));
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.on('close', () => resolve(text));
    });
    const [head, body] = answer.split('\r\n\r\n');
    expect(head!.slice(0, 13)).toBe(`HTTP/1.1 ${code} `);
    expectErrorBody(JSON.parse(body!), code, type);
  });

  it('hides the cause of a 500', async () => {
    const { access } = await service.member();
    await service.sql('ALTER TABLE users RENAME COLUMN bio TO biography');
    const answer = await service.get('/users/profile', access);
    await service.sql('ALTER TABLE users RENAME COLUMN biography TO bio');
    expectErrorBody(answer.body, 500, 'internal_error');
    expect(answer.text).not.toMatch(/bio|column|select/i);
  });
});

describe('the request id', () => {
  it('is taken from the request, or generated if it is missing or invalid', async () => {
    const given = await service.get('/healthz', undefined, { 'x-request-id': 'abc-1.2_3' });
    const made = await service.get('/healthz', undefined, { 'x-request-id': 'a b' });
    const long = await service.get('/healthz', undefined, { 'x-request-id': 'a'.repeat(129) });
    expect(given.headers['x-request-id']).toBe('abc-1.2_3');
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(long.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is stored in the audit entry, and the trace context in the event', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const body = { email: 'traced@example.com', name: 'Traced', password: 'correct horse battery' };
    const { body: answer } = await service.request('POST', '/auth/register', {
      body,
      headers: { 'x-request-id': 'trace-me', traceparent },
    });
    const [row] = await service.sql(
      `SELECT a.request_id, o.traceparent FROM audit_logs a JOIN outbox_events o ON o.user_id = a.target_id WHERE NOT o.security AND a.target_id = $1`,
      [answer.user.id],
    );
    expect(row).toEqual({ request_id: 'trace-me', traceparent });
  });
});

describe('the trace context', () => {
  it('is taken from the request or generated, and returned', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect((await service.get('/healthz', undefined, { traceparent })).headers.traceparent).toBe(traceparent);
    const { headers } = await service.get('/nowhere');
    expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });
});

describe('a path', () => {
  it.each(['a'.repeat(101), 'a'.repeat(8000)])('with a long parameter reaches its route', async (id) => {
    const { access } = await service.member();
    expectErrorBody((await service.get(`/users/${id}`)).body, 401, 'unauthenticated');
    expectErrorBody((await service.get(`/users/${id}`, access)).body, 400, 'validation_failed');
  });

  it('with a trailing slash is not found', async () => {
    expectErrorBody((await service.post('/auth/login/', {})).body, 404, 'not_found');
  });
});

describe('the client address', () => {
  async function addressSeen(app: TestApp, forwarded: string): Promise<string> {
    const { id, email, password } = await app.member();
    await app.request('POST', '/auth/login', {
      body: { email, password },
      headers: { 'x-forwarded-for': forwarded },
      remoteAddress: '10.0.0.9',
    });
    const [row] = await app.sql(
      'SELECT host(ip_address) AS ip FROM user_sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1',
      [id],
    );
    return row.ip;
  }

  it('is the peer address if no proxy is trusted', async () => {
    expect(await addressSeen(service, '203.0.113.7')).toBe('10.0.0.9');
  });

  it('is the right-most entry of X-Forwarded-For behind one proxy', async () => {
    const proxied = await TestApp.start({ TRUST_PROXY_HOPS: '1' });
    expect(await addressSeen(proxied, '1.1.1.1, 203.0.113.7')).toBe('203.0.113.7');
    expect(await addressSeen(proxied, '1.1.1.1, garbage')).toBe('10.0.0.9');
    await proxied.stop();
  });
});

describe('headers', () => {
  it('forbid sniffing, framing and caching, and name no framework', async () => {
    const { headers } = await service.get('/healthz');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'private, no-store',
    });
    expect(headers['content-security-policy']).toMatch(/default-src 'none'/);
    expect(headers['x-powered-by']).toBeUndefined();
  });

  it('never declare a compressed body', async () => {
    const encoding = await new Promise((resolve) => {
      httpRequest({ port, path: '/docs-json', headers: { 'accept-encoding': 'gzip, br' } }, (response) => {
        response.resume();
        resolve(response.headers['content-encoding']);
      }).end();
    });
    expect(encoding).toBeUndefined();
  });
});

describe('every route', () => {
  it('refuses an unknown field and names it', async () => {
    const { access } = await service.member();
    const { body: document } = await service.get('/docs-json');
    const withBody = Object.entries(document.paths as Record<string, Record<string, { requestBody?: any }>>).flatMap(
      ([path, operations]) =>
        Object.entries(operations)
          .filter(([, operation]) => operation.requestBody?.content?.['application/json'])
          .map(([method]) => [
            method.toUpperCase(),
            path.replace(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000'),
          ]),
    );
    expect(withBody.length).toBeGreaterThan(3);
    for (const [method, path] of withBody) {
      const answer = await service.request(method as 'POST', path!, { token: access, body: { surprise: 1 } });
      const fields = answer.body.error?.details.map(({ field }: { field: string }) => field) ?? [];
      // Administration is closed to members before the body is looked at.
      const outcome = answer.status === 403 ? 'closed' : [answer.status, fields.includes('surprise')];
      expect([path, outcome]).toEqual([path, outcome === 'closed' ? 'closed' : [400, true]]);
    }
  });

  it('needs a token unless it is declared public', async () => {
    const { body: document } = await service.get('/docs-json');
    for (const [path, operations] of Object.entries(document.paths as Record<string, Record<string, any>>))
      for (const [method, operation] of Object.entries(operations)) {
        // Open, or open with an access token besides.
        if (operation.security.length === 0 || operation.security.some((one: object) => Object.keys(one).length === 0))
          continue;
        const url = path.replace(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000');
        const answer = await service.request(method.toUpperCase() as 'GET', url);
        expect([method, path, answer.status]).toEqual([method, path, 401]);
      }
  });
});
