import { applyDecorators, CanActivate, ExecutionContext, Injectable, SetMetadata, UseGuards } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { RecentAuthentication } from '../auth/step-up/recent-authentication.js';
import { ApiErrors } from '../common/http/decorators.js';
import type { ErrorType } from '../common/errors.js';
import { AppError } from '../common/errors.js';
import { Permission, permissionsOf } from './permissions.js';

const PERMISSION = 'permission';

const isWrite = (permission: Permission) => permission.endsWith(':write');

/** Checks the role that the session check read from the database, not the claim in the token. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly recent: RecentAuthentication,
  ) {}

  async canActivate(host: ExecutionContext): Promise<boolean> {
    const { principal } = host.switchToHttp().getRequest<FastifyRequest>();
    if (!principal) throw new AppError('unauthenticated');
    const needed = this.reflector.get<Permission | undefined>(PERMISSION, host.getHandler());
    // A route without a permission is closed.
    if (!needed || !permissionsOf(principal.role).includes(needed)) throw new AppError('forbidden');
    if (isWrite(needed)) await this.recent.requireFactor(principal);
    return true;
  }
}

/** Requires a permission and documents the errors of every route for staff, and those given. */
export function AdminRoute(permission: Permission, ...errors: ErrorType[]) {
  const factor: ErrorType[] = isWrite(permission) ? ['recent_sign_in_required', 'mfa_required'] : [];
  return applyDecorators(
    UseGuards(AdminGuard),
    SetMetadata(PERMISSION, permission),
    ApiExtension('x-permission', permission),
    ApiBearerAuth(),
    ApiErrors('forbidden', ...factor, ...errors),
  );
}
