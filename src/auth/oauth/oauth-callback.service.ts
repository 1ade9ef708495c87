import { Injectable } from '@nestjs/common';
import { AppError, ErrorType } from '../../common/errors.js';
import { authResults } from '../../common/logging/metrics.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Provider } from '../../config/settings.auth.js';
import { Settings } from '../../config/settings.js';
import type { TokenBody } from '../auth.dto.js';
import { fitsChallenge } from './code-challenge.js';
import { OAuthAccounts } from './oauth-accounts.js';
import { OAuthExchangeService } from './oauth-exchange.service.js';
import { OAuthStates, AuthorizationRequest } from './oauth-states.js';
import type { ProviderAccount } from './provider-account.js';
import { ProviderClient } from './provider-client.js';
import { SignInService } from '../sign-in.service.js';

/** What the browser or the app brings back from the provider. */
export interface CallbackParams {
  provider: Provider;
  code?: unknown;
  state?: unknown;
  error?: unknown;
  /** Of the browser's cookies. */
  browserSecrets: string[];
}

/** What providers say of a person who turned back; LinkedIn has words of its own. */
const DENIALS = new Set<unknown>(['access_denied', 'user_cancelled_login', 'user_cancelled_authorize']);
const OUTAGES = new Set<unknown>(['server_error', 'temporarily_unavailable']);

/** The way back from the provider. */
@Injectable()
export class OAuthCallbackService {
  constructor(
    private readonly settings: Settings,
    private readonly states: OAuthStates,
    private readonly client: ProviderClient,
    private readonly accounts: OAuthAccounts,
    private readonly exchange: OAuthExchangeService,
    private readonly signIn: SignInService,
  ) {}

  /**
   * Tokens, for an app that holds the state itself and, where the start carried a challenge, the verifier.
   * @throws AppError `provider_not_configured`, `invalid_state`, `oauth_denied`, `oauth_failed`, `provider_unavailable` and
   * those of `OAuthAccounts`
   */
  async finish(answer: CallbackParams, codeVerifier: string | undefined, context: RequestContext): Promise<TokenBody> {
    const found = await this.started(answer);
    return this.tokens(answer, found && fitsChallenge(found.challenge, codeVerifier) ? found : null, context);
  }

  /** Tokens; where the start named an address, the way there instead, with a code or the word for what went wrong. */
  async finishInBrowser(answer: CallbackParams, context: RequestContext): Promise<TokenBody | { location: string }> {
    const found = await this.started(answer);
    const started = found && mayEndInBrowser(found) ? found : null;
    const redirectUri = started ? started.redirectUri : this.frontEndOf(answer);
    if (!redirectUri) return this.tokens(answer, started, context);
    const result = await this.code(answer, started, context).then(
      (code) => ({ code }),
      (error: unknown) => {
        if (!(error instanceof AppError)) throw error;
        // The answer is a redirect, which no error filter sees.
        context.refusal = error;
        return { error: error.type };
      },
    );
    const url = new URL(redirectUri);
    const parameters = { provider: answer.provider, state: String(answer.state), ...result };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { location: url.href };
  }

  private started({ provider, state, browserSecrets }: CallbackParams): Promise<AuthorizationRequest | null> {
    this.client.requireConfigured(provider);
    return this.states.consume(state, provider, browserSecrets);
  }

  /** Where this browser's sign-in led to, though its state is used up or expired: a page loaded again, or a second tab. */
  private frontEndOf({ provider, state, browserSecrets }: CallbackParams): string | undefined {
    const leadsTo = (redirectUri: string) =>
      this.states.followsCourse(state, { provider, redirectUri }, browserSecrets);
    return this.settings.oauth.redirectAllowlist.find(leadsTo);
  }

  private async tokens(answer: CallbackParams, started: AuthorizationRequest | null, context: RequestContext) {
    return counted(async () => {
      const account = await this.account(answer, started, context);
      const { user, session } = await this.accounts.signIn(account, context, async (tx, opened) => ({
        user: opened.user,
        session: await this.exchange.open(tx, opened, context),
      }));
      return this.signIn.toTokenResponse(user, session);
    });
  }

  /** No session yet: the code may never be used. */
  private async code(
    answer: CallbackParams,
    started: AuthorizationRequest | null,
    context: RequestContext,
  ): Promise<string> {
    return counted(async () => {
      const account = await this.account(answer, started, context);
      const identityId = await this.accounts.signIn(account, context, async (_, { identity }) => identity.id);
      return this.exchange.issue(identityId, started!.challenge);
    });
  }

  private async account(
    answer: CallbackParams,
    started: AuthorizationRequest | null,
    context: RequestContext,
  ): Promise<ProviderAccount> {
    const { provider, code, error } = answer;
    // Before the state: a denial does nothing, and a provider may send it back without one.
    if (DENIALS.has(error)) throw new AppError('oauth_denied');
    if (!started) throw new AppError('invalid_state');
    if (OUTAGES.has(error)) throw new AppError('provider_unavailable');
    if (error !== undefined || typeof code !== 'string' || code === '') throw new AppError('oauth_failed');
    return this.client.account(provider, code, started, context);
  }
}

/**
 * A sign-in that no browser started is ended by its client alone, which has to show that it is the one: otherwise an attacker's
 * link would sign in whoever opens it (RFC 9700, §4.7).
 */
function mayEndInBrowser({ browser, redirectUri, challenge }: AuthorizationRequest): boolean {
  if (redirectUri === null) return browser !== null && challenge === null;
  return browser !== null || challenge !== null;
}

async function counted<T>(work: () => Promise<T>): Promise<T> {
  const count = (result: ErrorType | 'ok') => authResults.inc({ action: 'oauth', result });
  try {
    const value = await work();
    count('ok');
    return value;
  } catch (error) {
    count(error instanceof AppError ? error.type : 'internal_error');
    throw error;
  }
}
