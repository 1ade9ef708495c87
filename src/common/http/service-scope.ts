import { applyDecorators, createParamDecorator, ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors.js';
import { serviceRequests } from '../logging/metrics.js';
import type { ServiceScope } from '../service-scopes.js';
import { ApiErrors } from './decorators.js';
import type { Principal } from './request-context.js';

/** Another service of the platform, authenticated by its credential. */
export interface ServicePrincipal {
  /** Of the credential; the actor in audit entries. */
  credentialId: string;
  name: string;
  scopes: readonly ServiceScope[];
}

declare module 'fastify' {
  interface FastifyRequest {
    service?: ServicePrincipal;
  }
}

export const SERVICE_ACCESS = 'serviceAccess';
export interface ServiceAccess {
  scope: ServiceScope;
  membersToo: boolean;
}

/** Opens a route to other services whose credential has the scope. Access tokens of members get 403 unless `membersToo`. */
export function ServiceRoute(scope: ServiceScope, { membersToo = false } = {}) {
  return applyDecorators(
    SetMetadata<string, ServiceAccess>(SERVICE_ACCESS, { scope, membersToo }),
    ApiBearerAuth('service'),
    ...(membersToo ? [ApiBearerAuth()] : []),
    ApiErrors('forbidden', 'rate_limited'),
  );
}

/** @throws AppError `forbidden` with a message that names the missing scope */
export function requireScope({ name, scopes }: ServicePrincipal, scope: ServiceScope): void {
  const allowed = scopes.includes(scope);
  serviceRequests.inc({ service: name, scope, result: allowed ? 'allowed' : 'forbidden' });
  if (!allowed) throw new AppError('forbidden', { message: `The credential of ${name} lacks the scope ${scope}` });
}

/** The member or the service that sent the request, as a parameter of a `@ServiceRoute()`. */
export const Caller = createParamDecorator((_: unknown, host: ExecutionContext): Principal | ServicePrincipal => {
  const { principal, service } = host.switchToHttp().getRequest<FastifyRequest>();
  const caller = service ?? principal;
  if (!caller) throw new AppError('unauthenticated');
  return caller;
});
