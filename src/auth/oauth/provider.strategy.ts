// oxlint-disable no-underscore-dangle -- the names are those of passport-oauth2, which means them for subclasses
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

/** Parameters of `verify` in passport-oauth2 that make it pass the whole answer of the token endpoint. */
const CALLBACK_ARITY = 5;

/** What a strategy is run with in place of an HTTP request; of a real one Passport reads the query alone. */
export interface StrategyRequest {
  query: { code?: string; state?: string };
  /** PKCE (RFC 7636): written at the start, read at the callback; null towards a provider without it. */
  verifier: string | null;
}

/** Where Passport would keep the state. It is kept around the strategies, so this only hands the values over. */
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

/** Passport's registry holds one strategy a name for the whole process; each application here has strategies of its own. */
const noRegistry = { use: () => undefined };

export class GoogleStrategy extends PassportStrategy(GoogleBase, undefined, CALLBACK_ARITY) {
  constructor(settings: ProviderSettings) {
    super({ ...commonOptions(settings), pkce: true });
    // The default is the query string, and with it the logs of every proxy on the way.
    this._oauth2.useAuthorizationHeaderforGET(true);
  }

  getPassportInstance() {
    return noRegistry;
  }

  validate(_access: string, _refresh: string, answer: TokenAnswer, profile: { _json: unknown }): SignedIn {
    return { account: toAccount('google', profile._json), idToken: answer.id_token };
  }
}

/** The package still asks the retired `/v2/me`; LinkedIn speaks OpenID Connect now and tells all in one answer. */
export class LinkedinStrategy extends PassportStrategy(LinkedinBase, undefined, CALLBACK_ARITY) {
  // Of passport-oauth2, which the types of the package leave out.
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

/** The ends a Passport strategy can come to (passport-strategy, "Augmented Methods"), without the failures. */
export type StrategyOutcome = SignedIn | { url: string };

/**
 * Runs a strategy for one sign-in. Passport itself runs a copy for each request; this copy has a deadline for all its calls
 * together besides.
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
