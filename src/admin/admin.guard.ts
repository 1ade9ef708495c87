import { applyDecorators, CanActivate, ExecutionContext, Injectable, SetMetadata, UseGuards } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiErrors } from '../common/http/decorators.js';
import type { ErrorType } from '../common/errors.js';
import { AppError } from '../common/errors.js';
import { Permission, permissionsOf } from './permissions.js';

const PERMISSION = 'permission';

/** The role is the one that the session check found in the database; the claim in the token is not asked. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(host: ExecutionContext): boolean {
    const { principal } = host.switchToHttp().getRequest<FastifyRequest>();
    if (!principal) throw new AppError('unauthenticated');
    const needed = this.reflector.get<Permission | undefined>(PERMISSION, host.getHandler());
    // A route that names no permission is closed to everybody.
    if (!needed || !permissionsOf(principal.role).includes(needed)) throw new AppError('forbidden');
    return true;
  }
}

/** A route for staff, wherever it lies: the permission it asks for, and its errors beyond those of every such route. */
export function AdminRoute(permission: Permission, ...errors: ErrorType[]) {
  return applyDecorators(
    UseGuards(AdminGuard),
    SetMetadata(PERMISSION, permission),
    ApiExtension('x-permission', permission),
    ApiBearerAuth(),
    ApiErrors('unauthenticated', 'forbidden', 'busy', 'database_unavailable', ...errors),
  );
}
