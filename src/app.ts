import 'reflect-metadata';
import type { Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppModule } from './app.module.js';
import { SecurityLog } from './audit/security-log.js';
import { useAccessLog } from './common/http/access-log.js';
import { MAX_UPLOAD_MS, useBodyDeadlines } from './common/http/body-deadline.js';
import { MAX_BODY_BYTES, useBodyParsers } from './common/http/body-parsers.js';
import { ClientAddresses } from './common/http/client-address.js';
import { answerClientError } from './common/http/client-errors.js';
import { useCors } from './common/http/cors.js';
import { setupSwagger } from './common/http/swagger.js';
import { ErrorFilter, toAppError } from './common/http/error.filter.js';
import { AppError, errorBody, errorHeaders } from './common/errors.js';
import { lingeringClose } from './common/http/lingering-close.js';
import { gracefulShutdown } from './common/http/graceful-shutdown.js';
import { Lifecycle } from './common/lifecycle.module.js';
import { createLogger, type Logger, NestLogger } from './common/logging/logger.js';
import { useMultipart } from './common/http/multipart.js';
import { useProtocolAnswers } from './common/http/protocol-answers.js';
import { createRequestContext, rateLimitHeaders, requestId } from './common/http/request-context.js';
import { AllowedMethods } from './common/http/allowed-methods.js';
import { SECURITY_HEADERS } from './common/http/security-headers.js';
import { RequestPace } from './rate-limit/request-pace.js';
import { RequestValidationPipe } from './common/http/request-validation.pipe.js';
import { setVariables } from './config/process-environment.js';
import { Settings } from './config/settings.js';

/** How often Node looks for headers that are too slow. */
const CHECK_INTERVAL_MS = 1000;
/** Lets the body deadline, which answers 408, come before Node's timeout. */
const BODY_DEADLINE_MARGIN_MS = 5000;
/** Without a byte either way: otherwise a client that does not read its answers keeps the connection for ever. */
const MAX_SILENCE_MS = 60_000;
/** Node's own limit on the request line and headers. */
const MAX_URL_CHARS = 16_384;

/** An ingress may send everything under /api, the gateway strips it. */
const withoutApiPrefix = (url: string) => (url.startsWith('/api/') ? url.slice(4) : url);

function createAdapter(requestTimeoutMs: number, refusalOf: (url: string) => AppError): FastifyAdapter {
  return new FastifyAdapter({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    // Routes validate their parameters themselves.
    routerOptions: { maxParamLength: MAX_URL_CHARS },
    genReqId: requestId,
    // Requests on connections kept alive are still answered while the process drains.
    return503OnClosing: false,
    requestTimeout: MAX_UPLOAD_MS + BODY_DEADLINE_MARGIN_MS,
    keepAliveTimeout: 72_000,
    connectionTimeout: MAX_SILENCE_MS,
    rewriteUrl: ({ url = '/' }) => withoutApiPrefix(url),
    // A malformed URL fails before Nest sees it.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      const known = error.statusCode === 400 ? new AppError('bad_request') : toAppError(error);
      void reply
        .status(known.status)
        .headers({ ...SECURITY_HEADERS, ...errorHeaders(known), 'x-request-id': request.id })
        .send(errorBody(known, request.id));
    },
    clientErrorHandler: (error, socket) => answerClientError(error as Error, socket as Socket, refusalOf),
    http: {
      requireHostHeader: false,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
  });
}

function useRequestContext(fastify: FastifyInstance, clients: ClientAddresses): void {
  fastify.decorateRequest('context');
  fastify.decorateRequest('principal');
  fastify.decorateRequest('service');
  fastify.addHook('onRequest', (request, reply, done) => {
    request.context = createRequestContext(request.raw, request.id, clients);
    const { traceparent } = request.context;
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id).header('traceparent', traceparent);
    done();
  });
  fastify.addHook('onSend', (request, reply, _, done) => {
    const rateLimit = request.context?.rateLimit;
    if (rateLimit) reply.headers(rateLimitHeaders(rateLimit));
    done();
  });
}

/** The whole application, not listening yet; `main.ts` and the tests start the same one. */
export async function createApp(
  settings: Settings,
  logger: Logger = createLogger(settings.logging.level, settings.logging.file),
): Promise<NestFastifyApplication> {
  const adapter = createAdapter(settings.requestTimeoutSeconds * 1000, (url) => routes.refusal(withoutApiPrefix(url)));
  const fastify = adapter.getInstance<FastifyInstance>();
  const routes: AllowedMethods = new AllowedMethods(fastify);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings, logger), adapter, {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  useRequestContext(fastify, new ClientAddresses(settings.trustProxyHops, logger));
  if (settings.tracing) {
    setVariables(settings.tracing);
    (await import('./tracing/tracing.js')).startTracing(fastify);
  }
  const lifecycle = app.get(Lifecycle);
  useProtocolAnswers(fastify, lifecycle, routes);
  useBodyDeadlines(fastify, settings.requestTimeoutSeconds * 1000, lifecycle);
  const pace = new RequestPace();
  pace.paceHeads(fastify);
  useBodyParsers(fastify, (request, bytes) => pace.wait(request, bytes));
  useMultipart(fastify);
  lingeringClose(fastify);
  gracefulShutdown(fastify);
  useAccessLog(fastify, settings.logging.access ? logger : null);
  app.get(SecurityLog).watch(fastify);
  useCors(fastify, settings.corsOrigins);
  app.useGlobalPipes(new RequestValidationPipe());
  app.useGlobalFilters(new ErrorFilter(logger));
  if (settings.docsEnabled) setupSwagger(app);
  return app;
}
