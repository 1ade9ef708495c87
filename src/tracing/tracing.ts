import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { context, type Context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { FastifyInstance } from 'fastify';
import { Client } from 'pg';
import { mailChannel, publishChannel } from '../common/logging/trace-channels.js';
import { VERSION } from '../common/version.js';

const NAME = 'meetinity-user-service';

declare module 'fastify' {
  interface FastifyRequest {
    span?: Span;
  }
}

/**
 * Sends spans by OTLP over HTTP, with the names and attributes of OpenTelemetry's semantic conventions. The SDK reads the
 * standard `OTEL_*` variables. Spans have no addresses, ids or values of members.
 */
export function startTracing(fastify: FastifyInstance): void {
  const named = resourceFromAttributes({ 'service.name': NAME, 'service.version': VERSION });
  const resource = defaultResource()
    .merge(named)
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  traceRequests(fastify);
  traceQueries();
  traceRedis();
  traceEvents();
  traceMails();
  fastify.addHook('onClose', () => provider.shutdown());
}

const tracer = () => trace.getTracer(NAME, VERSION);

/** The W3C header of a context (https://www.w3.org/TR/trace-context/). */
function traceparentOf(of: Context): string | undefined {
  const headers: { traceparent?: string } = {};
  propagation.inject(of, headers);
  return headers.traceparent;
}

function endWith(span: Span, error?: unknown): void {
  // Messages of PostgreSQL and mail servers may repeat values.
  if (error !== undefined) {
    span.setAttribute('error.type', String((error as { code?: unknown }).code ?? (error as Error).name));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

function traceRequests(fastify: FastifyInstance): void {
  fastify.decorateRequest('span');
  fastify.addHook('onRequest', (request, reply, done) => {
    const { method, headers, routeOptions, is404 } = request;
    const route = is404 ? undefined : routeOptions.url;
    const attributes = { 'http.request.method': method, ...(route !== undefined && { 'http.route': route }) };
    const parent = propagation.extract(context.active(), headers);
    const options = { kind: SpanKind.SERVER, attributes };
    request.span = tracer().startSpan(route === undefined ? method : `${method} ${route}`, options, parent);
    const current = trace.setSpan(parent, request.span);
    // What the request causes later, such as an event, belongs to this span.
    request.context.traceparent = traceparentOf(current)!;
    void reply.header('traceparent', request.context.traceparent);
    context.with(current, done);
  });
  fastify.addHook('onResponse', ({ span }, { statusCode }, done) => {
    span?.setAttribute('http.response.status_code', statusCode);
    if (statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
}

/** A span of work for a request; undefined outside a sampled one, such as in a periodic task. */
function childSpan(name: string, attributes: Record<string, string>): Span | undefined {
  if (!trace.getActiveSpan()?.isRecording()) return undefined;
  return tracer().startSpan(name, { kind: SpanKind.CLIENT, attributes });
}

type Query = (this: Client, ...args: unknown[]) => unknown;

/** pg 8.23 has no diagnostics channel. Texts without their values tell nothing of a member. */
function traceQueries(): void {
  const prototype = Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  prototype.query = function traced(...args) {
    const [config] = args as [string | { text?: string; name?: string } | undefined];
    const text = typeof config === 'string' ? config : config?.text;
    const operation = /^\s*(\w+)/.exec(text ?? '')?.[1]?.toUpperCase() ?? 'QUERY';
    const span = childSpan(operation, { 'db.system.name': 'postgresql', 'db.operation.name': operation });
    if (!span) return query.apply(this, args);
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      const bound = context.bind(context.active(), callback as (error: unknown, result: unknown) => void);
      args[args.length - 1] = (error: unknown, result: unknown) => {
        endWith(span, error ?? undefined);
        bound(error, result);
      };
      return query.apply(this, args);
    }
    const result = query.apply(this, args) as Promise<unknown>;
    result.then(() => endWith(span)).catch((error: unknown) => endWith(span, error));
    return result;
  };
}

/** Starts spans before the work of a channel, and ends them after it. */
function traceChannel<T extends object>(
  channel: TracingChannel<unknown, T>,
  startSpans: (message: T) => (Span | undefined)[],
): void {
  const spans = new WeakMap<object, (Span | undefined)[]>();
  const ignore = () => undefined;
  channel.subscribe({
    start: (message) => void spans.set(message, startSpans(message)),
    asyncEnd: (message) => {
      for (const span of spans.get(message) ?? []) if (span) endWith(span, (message as { error?: unknown }).error);
    },
    end: ignore,
    asyncStart: ignore,
    error: ignore,
  });
}

function traceRedis(): void {
  traceChannel(tracingChannel<unknown, object>('ioredis:command'), (message) => {
    const operation = String((message as { command?: unknown }).command).toUpperCase();
    return [childSpan(operation, { 'db.system.name': 'redis', 'db.operation.name': operation })];
  });
}

/** Each message continues the trace of the request that caused its event. */
function traceEvents(): void {
  traceChannel(publishChannel, ({ items }) =>
    items.map(({ topic, traceparent, message }) => {
      if (traceparent === null) return undefined;
      const parent = propagation.extract(context.active(), { traceparent });
      const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': topic };
      const span = tracer().startSpan(`send ${topic}`, { kind: SpanKind.PRODUCER, attributes }, parent);
      message.headers = { ...message.headers, traceparent: traceparentOf(trace.setSpan(parent, span)) };
      return span;
    }),
  );
}

function traceMails(): void {
  traceChannel(mailChannel, ({ kind }) => [tracer().startSpan(`send mail ${kind}`, { kind: SpanKind.CLIENT })]);
}
