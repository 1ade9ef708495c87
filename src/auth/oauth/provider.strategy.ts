// oxlint-disable no-underscore-dangle -- passport-oauth2 documents `_oauth2` as protected, for subclasses
import { PassportStrategy } from '@nestjs/passport';
import type { OAuth2 } from 'oauth';
import { Strategy as GoogleBase } from 'passport-google-oauth20';
import { Strategy as LinkedinBase } from 'passport-linkedin-oauth2';
import type { Provider } from '../../config/settings.auth.js';
import type { Settings } from '../../config/settings.js';
import { ProviderAccount, toAccount } from './provider-account.js';
import { providerRequest } from './provider-request.js';

type ProviderSettings = NonNullable<Settings['oauth'][Provider]>;
type Done = (error: Error | null, value?: unknown) => void;

interface TokenAnswer {
  id_token?: unknown;
}

interface SignedIn {
  account: ProviderAccount;
  idToken: unknown;
}

/** Parameters of `verify` with which passport-oauth2 passes the whole response of the token endpoint. */
const CALLBACK_ARITY = 5;

/** Stands in for the HTTP request, of which Passport reads only the query. */
export interface StrategyRequest {
  query: { code?: string; state?: string };
  /** PKCE (RFC 7636): written at the start, read at the callback; null for a provider without it. */
  verifier: string | null;
}

/** The state is kept by OAuthStates, so Passport's store only passes the values through. */
const passThroughStateStore = {
  store(request: StrategyRequest, verifier: string | undefined, _state: unknown, _meta: unknown, done: Done): void {
    request.verifier = verifier ?? null;
    done(null, request.query.state);
  },
  verify(request: StrategyRequest, _state: string, _meta: unknown, done: Done): void {
    done(null, request.verifier ?? true);
  },
};

function commonOptions(settings: ProviderSettings) {
  return {
    clientID: settings.clientId,
    clientSecret: settings.clientSecret,
    callbackURL: settings.redirectUri,
    authorizationURL: settings.authorizationUrl,
    tokenURL: settings.tokenUrl,
    userProfileURL: settings.userinfoUrl,
    scope: ['openid', 'profile', 'email'],
    store: passThroughStateStore as never,
  };
}

/** Passport's registry is global to the process; each application here has its own strategies. */
const noRegistry = { use: () => undefined };

export class GoogleStrategy extends PassportStrategy(GoogleBase, undefined, CALLBACK_ARITY) {
  constructor(settings: ProviderSettings) {
    super({ ...commonOptions(settings), pkce: true });
    // By default the access token is sent in the query string, which proxies log.
    this._oauth2.useAuthorizationHeaderforGET(true);
  }

  getPassportInstance() {
    return noRegistry;
  }

  validate(_access: string, _refresh: string, answer: TokenAnswer, profile: { _json: unknown }): SignedIn {
    return { account: toAccount('google', profile._json), idToken: answer.id_token };
  }
}

/** The package still calls the retired `/v2/me`; LinkedIn now has an OpenID Connect userinfo endpoint. */
export class LinkedinStrategy extends PassportStrategy(LinkedinBase, undefined, CALLBACK_ARITY) {
  // Missing in the package's types.
  declare private readonly _oauth2: OAuth2;
  private readonly userinfoUrl: string;

  constructor(settings: ProviderSettings) {
    super(commonOptions(settings));
    this.userinfoUrl = settings.userinfoUrl;
    this._oauth2.useAuthorizationHeaderforGET(true);
  }

  getPassportInstance() {
    return noRegistry;
  }

  userProfile(accessToken: string, done: Done): void {
    this._oauth2.get(this.userinfoUrl, accessToken, (_, body) => done(null, JSON.parse(String(body))));
  }

  validate(_access: string, _refresh: string, answer: TokenAnswer, claims: unknown): SignedIn {
    return { account: toAccount('linkedin', claims), idToken: answer.id_token };
  }
}

/** The successful outcomes of a Passport strategy (passport-strategy, "Augmented Methods"). */
export type StrategyOutcome = SignedIn | { url: string };

/**
 * Runs a copy of the strategy for one sign-in, as Passport does for each request, with one deadline for all its calls.
 * `_request` is private in oauth 0.10.2, which sends every call through it and has no option for a timeout or size limit.
 */
export function runStrategy(
  strategy: GoogleStrategy | LinkedinStrategy,
  request: StrategyRequest,
  deadline: AbortSignal,
): Promise<StrategyOutcome> {
  const original = strategy as unknown as { _oauth2: object; authenticate(request: StrategyRequest): void };
  return new Promise((resolve, reject) => {
    const copy = Object.assign(Object.create(original) as typeof original, {
      _oauth2: Object.assign(Object.create(original._oauth2) as object, {
        _request: providerRequest(deadline, reject),
      }),
      success: resolve,
      redirect: (url: string) => resolve({ url }),
      fail: () => reject(new Error('the strategy refused')),
      error: reject,
    });
    copy.authenticate(request);
  });
}
