import { CanActivate, ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { RateLimits } from './rate-limits.js';

const UNLIMITED = 'writes:unlimited';
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** For what a member must be able to do at any time, such as signing out. */
export const NotCountedAsWrite = () => SetMetadata(UNLIMITED, true);

/** Counts every request by which a member may change something; stands behind the guard that finds out who asks. */
@Injectable()
export class WriteLimitGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly limits: RateLimits,
  ) {}

  canActivate(host: ExecutionContext): boolean | Promise<boolean> {
    const { method, principal, context } = host.switchToHttp().getRequest<FastifyRequest>();
    if (!principal || SAFE_METHODS.has(method) || this.reflector.get(UNLIMITED, host.getHandler())) return true;
    return this.limits.require('writes', context, [principal.userId]).then(() => true);
  }
}
