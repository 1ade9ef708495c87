import { Injectable } from '@nestjs/common';
import { AppError, invalidAccessToken } from '../common/errors.js';
import type { RequestContext } from '../common/http/request-context.js';
import type { ServicePrincipal } from '../common/http/service-scope.js';
import type { ServiceScope } from '../common/service-scopes.js';
import { serviceRequests } from '../common/logging/metrics.js';
import { RateLimits } from '../rate-limit/rate-limits.js';
import { ServiceCredentialsService } from './service-credentials.service.js';

/** Authenticates the requests of other services, limits and counts them by the service's name. */
@Injectable()
export class ServiceAuthentication {
  constructor(
    private readonly credentials: ServiceCredentialsService,
    private readonly limits: RateLimits,
  ) {}

  /** @throws AppError `unauthenticated`, `rate_limited`, `forbidden` with a message that names the missing scope */
  async authenticate(token: string, scope: ServiceScope, context: RequestContext): Promise<ServicePrincipal> {
    const credential = await this.credentials.findByToken(token);
    if (!credential) throw invalidAccessToken(true);
    const { id: credentialId, name, scopes } = credential;
    const allowed = scopes.includes(scope);
    serviceRequests.inc({ service: name, scope, result: allowed ? 'allowed' : 'forbidden' });
    await this.limits.require('services', context, [name]);
    if (!allowed) throw new AppError('forbidden', { message: `The credential of ${name} lacks the scope ${scope}` });
    return { credentialId, name };
  }
}
