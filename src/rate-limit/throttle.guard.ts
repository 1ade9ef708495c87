import { applyDecorators, CanActivate, ExecutionContext, Injectable, SetMetadata, UseGuards } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { RequestContext } from '../common/http/request-context.js';
import { LimitName, RateLimits } from './rate-limits.js';

const LIMIT = 'throttle:limit';

function contextOf(host: ExecutionContext): RequestContext {
  return host.switchToHttp().getRequest<FastifyRequest>().context;
}

@Injectable()
export class ThrottleGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly limits: RateLimits,
  ) {}

  async canActivate(host: ExecutionContext): Promise<boolean> {
    await this.limits.requireByClient(this.reflector.get<LimitName>(LIMIT, host.getHandler()), contextOf(host));
    return true;
  }
}

/** Counts every request to the route by client address. */
export function Throttle(limit: LimitName) {
  return applyDecorators(SetMetadata(LIMIT, limit), UseGuards(ThrottleGuard));
}
