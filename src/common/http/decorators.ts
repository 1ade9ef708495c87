import { applyDecorators, createParamDecorator, ExecutionContext, HttpCode, SetMetadata, Type } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ErrorBody } from '../dto/error.dto.js';
import { AppError, ERRORS, ErrorType } from '../errors.js';
import type { Principal } from './request-context.js';

export const IS_PUBLIC = 'isPublic';

/** Makes a route public; all others require an access token. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** Handler parameter: the signed-in user. */
export const CurrentUser = createParamDecorator((_: unknown, host: ExecutionContext): Principal => {
  const { principal } = host.switchToHttp().getRequest<FastifyRequest>();
  if (!principal) throw new AppError('unauthenticated');
  return principal;
});

/** Sets and documents the status of a route's success, with the class of its body. */
export const Answers = (status: number, type?: Type | [Type]) =>
  applyDecorators(HttpCode(status), ApiResponse({ status, type }));

/** Documents the errors of a route beside those that `completeDocument` adds, one OpenAPI response per status. */
export function ApiErrors(...types: ErrorType[]) {
  const byStatus = new Map<number, ErrorType[]>();
  for (const type of types) byStatus.set(ERRORS[type][0], [...(byStatus.get(ERRORS[type][0]) ?? []), type]);
  return applyDecorators(
    ...[...byStatus].map(([status, words]) =>
      ApiResponse({ status, type: ErrorBody, description: words.map((word) => `\`${word}\``).join(', ') }),
    ),
  );
}
