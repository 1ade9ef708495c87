import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ipPrefix } from '../rate-limit/ip-prefix.js';
import { mailboxOf } from '../common/dto/email-address.js';
import type { AppError, ErrorType } from '../common/errors.js';
import { type Logger, withoutRedaction } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { KeyRing } from '../crypto/key-ring.js';

/** Errors that refuse an authentication, on any route. Other errors count when a token was forged. */
const REFUSALS = new Set<ErrorType>([
  'invalid_credentials',
  'account_disabled',
  'invalid_mfa_code',
  'invalid_passkey',
  'refresh_token_reused',
  'invalid_or_expired_token',
  'invalid_state',
  'invalid_code',
  'oauth_failed',
  'provider_email_unverified',
]);

/** Rate limits on sign-ins. */
const SIGN_IN_LIMITS = new Set(['loginPair', 'loginAddress', 'loginIp', 'signIns', 'mfaCodes', 'tokenPerIp']);

/** Of one client in an interval; one more line counts the rest. */
const MAX_LINES = 10;
const INTERVAL_MS = 1000;
const MAX_CLIENT_ENTRIES = 10_000;
/** The key of all clients above MAX_CLIENT_ENTRIES. */
const OTHER_CLIENTS = 'others';

const isRefusal = ({ type, extras }: AppError, exceededLimit = '') =>
  REFUSALS.has(type) || extras.forged === true || SIGN_IN_LIMITS.has(exceededLimit);

/** Logs every refused authentication (OWASP ASVS 16.3), so that attacks can be detected and blocked by client. */
@Injectable()
export class SecurityLog implements OnApplicationShutdown {
  private readonly lines: Logger;
  private readonly counts = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(LOGGER) logger: Logger,
    private readonly keyRing: KeyRing,
  ) {
    this.lines = withoutRedaction(logger);
  }

  /** Logs the `refusal` or `securityEvent` that error filters and handlers put into the request's context. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onResponse', (request, _reply, done) => {
      const { refusal, exceededLimit, securityEvent } = request.context ?? {};
      if (securityEvent) this.record(request, securityEvent);
      else if (refusal && isRefusal(refusal, exceededLimit)) this.record(request, refusal.type);
      done();
    });
  }

  onApplicationShutdown(): void {
    this.flush();
  }

  private record({ context, principal, routeOptions }: FastifyRequest, kind: string): void {
    if (!this.count(ipPrefix(context.ipAddress))) return;
    const { ipAddress, requestId, attemptedEmail, exceededLimit } = context;
    this.lines.warn(
      {
        kind,
        limit: exceededLimit,
        client_address: ipAddress,
        account: attemptedEmail === undefined ? undefined : this.hash(mailboxOf(attemptedEmail)),
        user_id: principal?.userId,
        request_id: requestId,
        route: routeOptions.url,
      },
      'security_event',
    );
  }

  /** @returns false where the event is only counted */
  private count(client: string): boolean {
    const key = this.counts.has(client) || this.counts.size < MAX_CLIENT_ENTRIES ? client : OTHER_CLIENTS;
    const events = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, events);
    this.timer ??= setTimeout(() => this.flush(), INTERVAL_MS).unref();
    return events <= MAX_LINES;
  }

  private flush(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    for (const [client, events] of this.counts)
      if (events > MAX_LINES)
        this.lines.warn({ kind: 'summed_up', client_address: client, events: events - MAX_LINES }, 'security_event');
    this.counts.clear();
  }

  /** A keyed hash: it groups attempts by account without showing the address. */
  private hash(email: string): string {
    return this.keyRing.sign('security-log', email).toString('base64url').slice(0, 22);
  }
}
