import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import { authResults } from '../../common/logging/metrics.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { RefreshTokenRotation } from '../../sessions/refresh-token-rotation.js';
import type { TokenBody } from '../auth.dto.js';
import { SignInService } from '../sign-in.service.js';

@Injectable()
export class RefreshService {
  constructor(
    private readonly rotation: RefreshTokenRotation,
    private readonly signIn: SignInService,
  ) {}

  /** @throws AppError `invalid_refresh_token`, `refresh_token_reused`, `busy` */
  async refresh(token: string, context: RequestContext): Promise<TokenBody> {
    try {
      const { user, session } = await this.rotation.rotate(token, context);
      authResults.inc({ action: 'refresh', result: 'ok' });
      return this.signIn.toTokenResponse(user, session);
    } catch (error) {
      if (error instanceof AppError) authResults.inc({ action: 'refresh', result: error.type });
      throw error;
    }
  }
}
