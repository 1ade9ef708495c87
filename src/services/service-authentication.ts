import { Injectable } from '@nestjs/common';
import { invalidAccessToken } from '../common/errors.js';
import type { RequestContext } from '../common/http/request-context.js';
import { requireScope, type ServicePrincipal } from '../common/http/service-scope.js';
import type { ServiceScope } from '../common/service-scopes.js';
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
    await this.limits.require('services', context, [name]);
    const service = { credentialId, name, scopes };
    requireScope(service, scope);
    return service;
  }
}
