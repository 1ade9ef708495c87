import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MutableRedirectUri, MutableResponse, MutableToken, OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';
import { uniqueEmail } from './app.js';

export type Claims = Record<string, unknown>;
type TokenRequest = IncomingMessage & { body: Record<string, string> };
export type Fault = (request: IncomingMessage, response: ServerResponse) => void;

/** A request to the provider. */
export interface Seen {
  method: string;
  url: string;
  authorization: string | undefined;
  /** Of a token request. */
  body?: Record<string, string>;
}

/** An independent OpenID Connect server for both providers. Each code belongs to the person who signed in. */
export class OidcProvider {
  readonly seen: Seen[] = [];
  /** Handlers by path that replace the server's. */
  readonly faults = new Map<string, Fault>();
  /** Overrides claims of the id tokens; undefined removes a claim. */
  idToken: Claims = {};
  lastIdToken: Claims = {};
  private readonly people = new Map<string, Claims>();
  private next: Claims = person();

  private constructor(
    private readonly server: Server,
    private readonly service: OAuth2Service,
  ) {}

  static async start(): Promise<OidcProvider> {
    const issuer = new OAuth2Issuer();
    await issuer.keys.generate('ES256');
    const service = new OAuth2Service(issuer);
    const server = createServer();
    const provider = new OidcProvider(server, service);
    server.on('request', (request, response) => provider.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer.url = provider.url;
    provider.follow();
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Environment of a service that uses this server for both providers. */
  get values(): Record<string, string> {
    const of = (name: string) => ({
      [`OAUTH_${name}_CLIENT_ID`]: `client-${name}`,
      [`OAUTH_${name}_CLIENT_SECRET`]: `the client secret of ${name}`,
      [`OAUTH_${name}_AUTHORIZATION_URL`]: `${this.url}/authorize`,
      [`OAUTH_${name}_TOKEN_URL`]: `${this.url}/token`,
      [`OAUTH_${name}_USERINFO_URL`]: `${this.url}/userinfo`,
    });
    return { ...of('GOOGLE'), ...of('LINKEDIN'), PUBLIC_BASE_URL: 'http://127.0.0.1:8081' };
  }

  /** Sets the person who signs in at the provider. */
  signedInAs(claims: Claims): void {
    this.next = claims;
  }

  /** Signs in at the provider; returns the query of the redirect back. */
  async authorize(authUrl: string): Promise<URL> {
    const response = await fetch(authUrl, { redirect: 'manual' });
    await response.body?.cancel();
    return new URL(response.headers.get('location')!);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private follow(): void {
    this.service.on('beforeAuthorizeRedirect', ({ url }: MutableRedirectUri) => {
      this.people.set(url.searchParams.get('code')!, this.next);
    });
    this.service.on('beforeResponse', ({ body }: MutableResponse, { body: asked }: TokenRequest) => {
      this.seen.at(-1)!.body = asked;
      const { access_token: token } = body as { access_token: string };
      this.people.set(`Bearer ${token}`, this.people.get(asked.code!)!);
    });
    this.service.on('beforeTokenSigning', ({ payload }: MutableToken) => {
      this.lastIdToken = Object.assign(payload, this.idToken);
      for (const [name, value] of Object.entries(this.idToken)) if (value === undefined) delete payload[name];
    });
    this.service.on('beforeUserinfo', (answer: MutableResponse, request: IncomingMessage) => {
      const claims = this.people.get(request.headers.authorization ?? '');
      if (claims) answer.body = claims;
      else answer.statusCode = 401;
    });
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, url, authorization: headers.authorization });
    const fault = this.faults.get(url.split('?')[0]!);
    if (fault) fault(request, response);
    else this.service.requestHandler(request, response);
  }
}

let people = 0;

/** Claims of a new person with a verified address. */
export function person(claims: Claims = {}): { sub: string; email: string } & Claims {
  people += 1;
  const sub = `subject-${process.pid}-${people}`;
  return { sub, email: uniqueEmail(), email_verified: true, name: 'Grace Hopper', ...claims };
}
