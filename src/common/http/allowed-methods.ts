import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors.js';

/** The methods of each path, so that a wrong method is answered 405 and a wrong path 404 (RFC 9110 §15.5.6). */
export class AllowedMethods {
  private readonly methods = new Map<string, Set<string>>();
  private patterns: { pattern: RegExp; methods: Set<string> }[] | undefined;

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ url, method }) => {
      // The CORS plugin registers OPTIONS for every path.
      if (url === '*' || url === '/*') return;
      const known = this.methods.get(url) ?? new Set();
      for (const item of [method].flat()) known.add(item);
      this.methods.set(url, known);
      this.patterns = undefined;
    });
    // Refuses before the body is read.
    fastify.addHook('preParsing', (request, _reply, _payload, done) => {
      done(request.is404 || this.isShadowed(request) ? this.refusal(request.url) : null);
    });
  }

  /** A fixed path such as /users/batch is not an id of /users/:id, for any method. The CORS plugin answers OPTIONS. */
  private isShadowed({ url, method }: FastifyRequest): boolean {
    return method !== 'OPTIONS' && this.methods.get(pathOf(url))?.has(method) === false;
  }

  /** `method_not_allowed`, or `not_found` if the path has no methods. */
  refusal(url: string): AppError {
    const allow = this.methodsOf(url);
    return allow.length > 0
      ? new AppError('method_not_allowed', { allow: allow.join(', ') })
      : new AppError('not_found');
  }

  methodsOf(url: string): string[] {
    const path = pathOf(url);
    const own = this.methods.get(path);
    if (own) return [...own].sort();
    this.patterns ??= [...this.methods].map(([route, methods]) => ({ pattern: toPattern(route), methods }));
    const found = this.patterns.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]);
    return [...new Set(found)].sort();
  }
}

const pathOf = (url: string) => url.split('?', 1)[0]!;

function toPattern(route: string): RegExp {
  const escaped = route.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:[^/]+/g, '[^/]+').replace(/\*/g, '.*')}$`);
}
