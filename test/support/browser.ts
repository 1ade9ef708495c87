import type { Answer, TestApp } from './app.js';
import type { Claims, OidcProvider } from './oidc-provider.js';

type Provider = 'google' | 'linkedin';

/** Keeps cookies and follows redirects like a browser. */
export class Browser {
  private readonly cookies = new Map<string, string>();

  constructor(private readonly service: TestApp) {}

  /** Headers of every request. */
  get headers(): { accept: string; cookie?: string } {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    return { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...(cookie && { cookie }) };
  }

  async open(url: string): Promise<Answer> {
    const answer = await this.service.get(url, undefined, { ...this.headers });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(String(line))!;
      this.cookies.set(name!, value!);
    }
    return answer;
  }

  /** Starts at the service and signs in at the provider; returns the callback URL without opening it. */
  async start(provider: Provider, oidc: OidcProvider, claims: Claims, redirectUri?: string): Promise<URL> {
    oidc.signedInAs(claims);
    const query = redirectUri === undefined ? '' : `?redirect_uri=${encodeURIComponent(redirectUri)}`;
    const { headers } = await this.open(`/auth/oauth/${provider}${query}`);
    return oidc.authorize(String(headers.location));
  }

  /** The whole flow; returns the answer of the callback. */
  async signIn(provider: Provider, oidc: OidcProvider, claims: Claims, redirectUri?: string): Promise<Answer> {
    return this.open(pathOf(await this.start(provider, oidc, claims, redirectUri)));
  }
}

export function pathOf(url: URL): string {
  return url.pathname + url.search;
}
