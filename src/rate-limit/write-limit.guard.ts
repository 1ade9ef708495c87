import { CanActivate, ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { RateLimits } from './rate-limits.js';

const UNLIMITED = 'writes:unlimited';
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** For actions that must always be possible, such as signing out. */
export const NotCountedAsWrite = () => SetMetadata(UNLIMITED, true);

/** Counts writes per user; runs after the guard that authenticates the request. */
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
