import { createParamDecorator, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Provider, PROVIDERS } from '../../config/settings.auth.js';

/** One path per provider: a path parameter would match `/auth/login` too. */
export function eachProvider(...paths: `${string}{provider}${string}`[]): string[] {
  return paths.flatMap((path) => PROVIDERS.map((provider) => path.replace('{provider}', provider)));
}

/** The provider of the request's path, as a handler's parameter. */
export const NamedProvider = createParamDecorator((_: unknown, host: ExecutionContext): Provider => {
  const segments = host.switchToHttp().getRequest<FastifyRequest>().routeOptions.url!.split('/');
  return PROVIDERS.find((provider) => segments.includes(provider))!;
});
