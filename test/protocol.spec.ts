import { once } from 'node:events';
import { AddressInfo, connect, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Member, TestApp, uniqueEmail } from './support/app.js';
import { OidcProvider } from './support/oidc-provider.js';

let oidc: OidcProvider;
let service: TestApp;
let port: number;
let member: Member;
const sockets: Socket[] = [];

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, REQUEST_TIMEOUT_SECONDS: '1' });
  await service.app.listen(0, '127.0.0.1');
  port = (service.app.getHttpServer().address() as AddressInfo).port;
  member = await service.memberWithRole('admin');
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await service.stopAndDrop();
  await oidc.stop();
});

/** What a connection that sends this is answered, once the server has closed it. */
async function answerTo(sent: string): Promise<{ status: number; head: string; body: any }> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(sent);
  const received = await text(socket);
  const [head = '', body = ''] = received.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body: body === '' ? null : JSON.parse(body) };
}

const HOST = 'Host: localhost\r\n';
const CLOSE = 'Connection: close\r\n';

describe('a request with', () => {
  it.each([
    ['two hosts', `${HOST}host: other.example\r\n`],
    ['the same host twice', HOST + HOST],
    ['no host', ''],
  ])('%s is 400', async (_, hosts) => {
    const { status, body } = await answerTo(`GET /health/live HTTP/1.1\r\n${hosts}${CLOSE}\r\n`);
    expect([status, body.error.type]).toEqual([400, 'bad_request']);
  });
});

describe('a request that takes longer than REQUEST_TIMEOUT_SECONDS to arrive', () => {
  it.each([
    ['in its header', 'POST /auth/login HTTP/1.1\r\nHost: local'],
    [
      'in its body',
      `POST /auth/login HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{"email`,
    ],
    [
      'in pieces of its body',
      `POST /auth/login HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n`,
    ],
  ])('%s, is 408 with an error body and closes the connection', async (_, sent) => {
    const { status, head, body } = await answerTo(sent);
    expect([status, body.error.type, body.error.code]).toEqual([408, 'request_timeout', 408]);
    expect(head).toMatch(/connection: close/i);
  });
});

describe('an unknown method', () => {
  it.each(['QUERY', 'PROPFIND', 'PURGE', 'TRACE', 'LINK', 'FROB'])(
    'is 405 and says which are answered: %s',
    async (method) => {
      const { status, head, body } = await answerTo(`${method} /users/profile?x=1 HTTP/1.1\r\n${HOST}${CLOSE}\r\n`);
      expect([status, body.error.type]).toEqual([405, 'method_not_allowed']);
      expect(head).toMatch(/^allow: DELETE, GET, HEAD, PUT$/im);
    },
  );

  it('is 405 with a body of any type', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const { status, head } = await answerTo(
        `QUERY /auth/login HTTP/1.1\r\n${HOST}${CLOSE}Content-Type: ${type}\r\nContent-Length: 2\r\n\r\n{}`,
      );
      expect([status, /^allow: (.*)$/im.exec(head)?.[1]?.trim()]).toEqual([405, 'POST']);
    }
  });

  it.each(['QUERY', 'FROB'])('is 404 on an unknown path: %s', async (method) => {
    expect((await answerTo(`${method} /nothing/here HTTP/1.1\r\n${HOST}${CLOSE}\r\n`)).status).toBe(404);
  });
});

describe('HEAD', () => {
  const head = (url: string, token?: string) => service.request('HEAD' as 'GET', url, { token });

  it('changes no row on any GET route', async () => {
    const tables = await service.sql<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
    );
    const parts = tables.map(
      ({ name }) =>
        `SELECT '${name}' AS name, count(*)::int, md5(string_agg(t::text, '' ORDER BY t::text)) FROM ${name} t`,
    );
    const rows = () => service.sql(parts.join(' UNION ALL '));
    const { paths } = (await service.get('/docs-json')).body;
    const urls = Object.entries<any>(paths)
      .filter(([, operations]) => operations.get)
      .map(([path]) => path.replace('{provider}', 'google').replace(/\{\w+\}/g, member.id));
    expect(urls.length).toBeGreaterThan(20);
    await service.get('/users/profile', member.access);
    const before = await rows();
    for (const url of urls) expect((await head(url, member.access)).status).toBeLessThan(500);
    expect(await rows()).toEqual(before);
  });
});

it('closes the connection of a client that does not read its answers', async () => {
  const server = service.app.getHttpServer();
  expect(server.timeout).toBeGreaterThan(30_000);
  server.timeout = 300;
  const socket = connect(port, '127.0.0.1').pause();
  sockets.push(socket);
  await once(socket, 'connect');
  const peer = new Promise<Socket>((resolve) => server.once('request', (request: any) => resolve(request.socket)));
  // More than the buffers of two sockets hold.
  socket.write(`GET /nothing HTTP/1.1\r\n${HOST}\r\n`.repeat(30_000));
  await once(await peer, 'close');
});

it('closes the connection after a response during shutdown', async () => {
  const draining = await TestApp.start();
  const { Lifecycle } = await import('../src/common/lifecycle.module.js');
  expect((await draining.get('/health/live')).headers.connection).not.toBe('close');
  draining.app.get(Lifecycle).startDraining();
  expect((await draining.get('/health/live')).headers.connection).toBe('close');
  expect((await draining.post('/auth/login', { email: uniqueEmail(), password: 'x' })).headers.connection).toBe(
    'close',
  );
  await draining.stop();
});

describe('a path without a parameter', () => {
  it('is 405 with its own methods on every path without a parameter, though `/users/{id}` would match it', async () => {
    const { paths } = (await service.get('/docs-json')).body as { paths: Record<string, object> };
    const fixed = Object.keys(paths).filter((path) => /^\/users\/[^{}]+$/.test(path));
    expect(fixed.length).toBeGreaterThan(8);
    for (const path of fixed) {
      const own = Object.keys(paths[path]!).map((verb) => verb.toUpperCase());
      const allow = [...own, ...(own.includes('GET') ? ['HEAD'] : [])].sort().join(', ');
      for (const method of (['GET', 'POST', 'PUT', 'DELETE'] as const).filter((verb) => !own.includes(verb))) {
        const answer = await service.request(method, path);
        expect([method, path, answer.status, answer.headers.allow]).toEqual([method, path, 405, allow]);
      }
    }
  });
});
