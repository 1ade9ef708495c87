import { createParamDecorator, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Provider, PROVIDERS } from '../../config/settings.auth.js';

/** One address a provider, so that no other word matches: `/auth/login` and its neighbours stay what they are. */
export function eachProvider(...paths: `${string}{provider}${string}`[]): string[] {
  return paths.flatMap((path) => PROVIDERS.map((provider) => path.replace('{provider}', provider)));
}

/** The provider whose address was asked, as a handler's parameter. */
export const NamedProvider = createParamDecorator((_: unknown, host: ExecutionContext): Provider => {
  const segments = host.switchToHttp().getRequest<FastifyRequest>().routeOptions.url!.split('/');
  return PROVIDERS.find((provider) => segments.includes(provider))!;
});
