import { Injectable } from '@nestjs/common';
import { AppError } from '../common/errors.js';
import type { RequestContext } from '../common/http/request-context.js';
import { KeyRing } from '../crypto/key-ring.js';
import { clientKey } from '../rate-limit/ip-prefix.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import type { TokenBody } from './auth.dto.js';
import { SignInService } from './sign-in.service.js';

const REPEAT_SECONDS = 10;

/**
 * Gateways and mobile networks repeat requests whose answer was lost, but codes and challenges work once. So the id of the
 * session is a MAC of client and body, under which the repeated request finds the session; nothing else is stored.
 */
@Injectable()
export class RepeatedSignIns {
  private readonly inFlight = new Map<string, Promise<unknown>>();

  constructor(
    private readonly keys: KeyRing,
    private readonly sessions: SessionsService,
    private readonly users: UsersService,
    private readonly signIn: SignInService,
  ) {}

  /**
   * Answers the same session to the same body from the same client within ten seconds.
   * @param attempt consumes the one-time value of the body, so it fails when it is repeated
   */
  async run<T>(body: object, context: RequestContext, attempt: () => Promise<T>): Promise<T | TokenBody> {
    const id = this.sessionIdOf(body, context);
    context.newSessionId = id;
    const running = this.inFlight.get(id) as Promise<T | TokenBody> | undefined;
    if (running) return running;
    const answer = attempt()
      .catch(async (error: unknown) => {
        const opened = error instanceof AppError ? await this.find(id) : null;
        if (!opened) throw error;
        return opened;
      })
      .finally(() => this.inFlight.delete(id));
    this.inFlight.set(id, answer);
    return answer;
  }

  private async find(id: string): Promise<TokenBody | null> {
    const opened = await this.sessions.findOpened(id, REPEAT_SECONDS);
    const user = opened && (await this.users.findById(opened.userId));
    return user?.isActive ? this.signIn.toTokenResponse(user, opened!.session) : null;
  }

  /** A UUID of version 8 (RFC 9562 §5.8), as unguessable as a random one. */
  private sessionIdOf(body: object, context: RequestContext): string {
    const message = JSON.stringify([clientKey(context), context.userAgent, body]);
    const bytes = this.keys.sign('session of a repeated sign-in', message).subarray(0, 16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x80;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
}
