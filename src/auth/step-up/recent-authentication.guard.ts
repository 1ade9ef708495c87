import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../common/errors.js';
import { RecentAuthentication } from './recent-authentication.js';
import { SENSITIVE_ROUTES } from './sensitive-routes.js';

/** Applies `SENSITIVE_ROUTES`; runs after the guard that authenticates the request. */
@Injectable()
export class RecentAuthenticationGuard implements CanActivate {
  constructor(private readonly recent: RecentAuthentication) {}

  canActivate(host: ExecutionContext): boolean | Promise<boolean> {
    const { method, routeOptions, principal, body } = host.switchToHttp().getRequest<FastifyRequest>();
    const route = SENSITIVE_ROUTES[`${method === 'HEAD' ? 'GET' : method} ${routeOptions.url}`];
    if (!route) return true;
    if (!principal) throw new AppError('unauthenticated');
    const password = route.password && (body as Record<string, unknown> | null | undefined)?.[route.password];
    return this.recent.require(principal, typeof password === 'string').then(() => true);
  }
}
