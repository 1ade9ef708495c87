import { randomUUID } from 'node:crypto';
import { createServer, IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { decode, verify } from 'jsonwebtoken';

const CACHE_MS = 5000;
const CUT_OFF_MS = 30_000;
const TIMEOUT_MS = 10_000;
const MAX_ATTEMPTS = 3;
const MAX_REDIRECT_ATTEMPTS = 30;
const ROUTES = ['/api/auth/', '/api/users', '/api/profile'];
const DROPPED = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive']);

interface Passed {
  status: number;
  headers: Headers;
  body: Buffer;
}

/**
 * The platform's API gateway with its habits: it checks tokens, caches every GET, repeats every request, cuts the service off,
 * follows redirects and keeps one cookie jar for all users. `/api/admin` goes past it, as docs/gateway.md advises.
 */
export class Gateway {
  /** Moved by specs, milliseconds. */
  now = 0;
  /** Answers of the service that get lost on their way to the gateway. */
  lostAnswers = 0;
  /** Requests that reached the service. */
  readonly forwarded: string[] = [];
  /** Cookies that were sent to the service, from the jar. */
  readonly sentCookies: string[] = [];
  failures = 0;
  private cutOffUntil = 0;
  private readonly jar = new Map<string, string>();
  private readonly cache = new Map<string, { until: number; answer: Promise<Passed> }>();

  private constructor(
    private readonly server: Server,
    private readonly service: string,
    private readonly secret: string,
  ) {}

  static async before(service: string, secret: string): Promise<Gateway> {
    const server = createServer();
    const gateway = new Gateway(server, service, secret);
    server.on('request', (request, response) => void gateway.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, headers, body } = await this.pass(request, await buffer(request)).catch(() => refusal(502));
    for (const [name, value] of headers) if (!DROPPED.has(name)) response.setHeader(name, value);
    response.writeHead(status).end(body);
  }

  private async pass({ method = 'GET', url = '/', headers }: IncomingMessage, body: Buffer): Promise<Passed> {
    if (url.startsWith('/api/admin/')) return this.fetch(method, url, headers, body);
    if (!ROUTES.some((route) => url.startsWith(route))) return refusal(404);
    if (url.startsWith('/api/users') && !this.accepts(headers.authorization)) return refusal(401);
    if (this.now < this.cutOffUntil) return refusal(503);
    const path = url.slice('/api'.length);
    if (method !== 'GET') return this.attempt(method, path, headers, body);
    const key = `${path} ${headers.authorization}`;
    const cached = this.cache.get(key);
    if (cached && this.now < cached.until) return cached.answer;
    const answer = this.attempt(method, path, headers, body);
    this.cache.set(key, { until: this.now + CACHE_MS, answer });
    return answer;
  }

  /** PyJWT with `algorithms=["HS256"]`: it refuses every audience that it does not expect. */
  private accepts(authorization = ''): boolean {
    const token = authorization.replace(/^Bearer /, '');
    try {
      verify(token, this.secret, { algorithms: ['HS256'] });
    } catch {
      return false;
    }
    const { aud, sub, exp, iat } = decode(token, { json: true })!;
    return aud === undefined && !!sub && !!exp && !!iat && iat <= Date.now() / 1000;
  }

  /** Repeats any method on a 5xx or a broken connection. */
  private async attempt(method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Passed> {
    let last = refusal(502);
    for (let count = 0; count < MAX_ATTEMPTS; count += 1) {
      last = await this.follow(method, path, headers, body).catch(() => refusal(502));
      if (last.status < 500) {
        this.failures = 0;
        return last;
      }
      this.failures += 1;
      if (this.failures >= MAX_ATTEMPTS) this.cutOffUntil = this.now + CUT_OFF_MS;
    }
    return last;
  }

  private async follow(method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Passed> {
    let answer = await this.fetch(method, path, headers, body);
    for (let count = 0; answer.status >= 301 && answer.status <= 303 && count < MAX_REDIRECT_ATTEMPTS; count += 1)
      answer = await this.fetch('GET', answer.headers.get('location')!, headers, Buffer.alloc(0));
    return answer;
  }

  private async fetch(method: string, path: string, sent: IncomingHttpHeaders, body: Buffer): Promise<Passed> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(sent)) if (!DROPPED.has(name)) headers.set(name, String(value));
    const own = sent['x-forwarded-for'];
    headers.set('x-forwarded-for', own ? `${String(own)}, 127.0.0.1` : '127.0.0.1');
    headers.set('x-request-id', randomUUID());
    if (this.jar.size > 0) headers.set('cookie', [...this.jar].map((pair) => pair.join('=')).join('; '));
    this.sentCookies.push(...this.jar.keys());
    this.forwarded.push(`${method} ${path}`);
    const url = new URL(path, this.service);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const payload = body.length > 0 ? new Uint8Array(body) : undefined;
    const answer = await fetch(url, { method, headers, body: payload, redirect: 'manual', signal });
    this.remember(answer.headers.getSetCookie());
    const passed = { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
    if (this.lostAnswers === 0) return passed;
    this.lostAnswers -= 1;
    throw new Error('the connection broke');
  }

  /** A jar sends no `Secure` cookie to the service, which the gateway reaches by http. */
  private remember(cookies: string[]): void {
    for (const line of cookies) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (!/;\s*secure/i.test(line)) this.jar.set(name!, value!);
    }
  }
}

const refusal = (status: number): Passed => ({
  status,
  headers: new Headers({ 'content-type': 'application/json' }),
  body: Buffer.from('{"error":"the gateway refuses"}'),
});
