import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { ERRORS, ErrorType } from '../errors.js';
import { DOCS_CSP } from './security-headers.js';
import { VERSION } from '../version.js';

/** Errors of every route. */
const EVERYWHERE: ErrorType[] = ['bad_request', 'internal_error'];
const WITH_ACCOUNT: ErrorType[] = ['unauthenticated'];
const WITH_BODY: ErrorType[] = [
  'validation_failed',
  'invalid_json',
  'request_timeout',
  'payload_too_large',
  'unsupported_media_type',
];
const WITH_WRITES: ErrorType[] = ['rate_limited'];
const WITH_DATABASE: ErrorType[] = ['busy', 'database_unavailable'];

interface Schema {
  required?: string[];
  additionalProperties?: boolean;
  format?: string;
}

interface Parameter {
  name: string;
  in: string;
  schema: Schema;
}

interface Response {
  description?: string;
  content?: Record<string, unknown>;
}

interface RequestBody {
  content: Record<string, unknown>;
  required?: boolean;
}

/** Errors are always JSON; the pages also answer HTML to browsers. */
const ERROR = { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' } } };
const PAGE_ERROR = { ...ERROR, 'text/html': { schema: { type: 'string' } } };

const METHODS = ['get', 'post', 'put', 'delete'] as const;

/** Adds what the decorators of a route leave out: public access, the format of ids, and the errors that many routes share. */
function complete(document: OpenAPIObject): OpenAPIObject {
  for (const item of Object.values(document.paths))
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      operation.security ??= [];
      for (const { name, in: place, schema } of (operation.parameters ?? []) as Parameter[])
        if (place === 'path' && name === 'id') schema.format = 'uuid';
      if (operation.requestBody) completeBody(operation.requestBody as RequestBody, document);
      // An empty requirement among them makes the token optional.
      const closed = operation.security.length > 0 && operation.security.every((one) => Object.keys(one).length > 0);
      const types = [
        ...EVERYWHERE,
        ...(closed ? WITH_ACCOUNT : []),
        ...(operation.requestBody ? WITH_BODY : []),
        ...(operation.security.length > 0 && method !== 'get' ? WITH_WRITES : []),
        ...(operation.tags?.includes('health') ? [] : WITH_DATABASE),
      ];
      const responses = operation.responses as Record<string, Response>;
      for (const type of types) addError(responses, type);
      for (const [status, response] of Object.entries(responses))
        if (Number(status) >= 400) response.content = operation.tags?.includes('pages') ? PAGE_ERROR : ERROR;
    }
  return document;
}

/** Bodies refuse unknown fields. A missing body counts as an empty object, so it is required only if one of its fields is. */
function completeBody(body: RequestBody, { components }: OpenAPIObject): void {
  const [{ schema }] = Object.values(body.content) as [{ schema: Schema & { $ref?: string } }];
  const fields = schema.$ref ? (components!.schemas![schema.$ref.split('/').at(-1)!] as Schema) : schema;
  fields.additionalProperties = false;
  body.required = (fields.required ?? []).length > 0;
}

function addError(responses: Record<string, Response>, type: ErrorType): void {
  const status = String(ERRORS[type][0]);
  const known = responses[status];
  if (!known) responses[status] = { description: `\`${type}\`` };
  else if (!known.description?.includes(type)) known.description = `${known.description}, \`${type}\``;
}

const allowOwnScripts: onRequestHookHandler = (_, reply, done) => {
  reply.header('content-security-policy', DOCS_CSP);
  done();
};

/** Swagger UI at `/docs`, the OpenAPI document at `/docs-json`. */
export function setupSwagger(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRoute', (route) => {
    if (/^\/docs(\/|$)/.test(route.url)) route.onRequest = [route.onRequest ?? [], allowOwnScripts].flat();
  });
  const config = new DocumentBuilder()
    .setTitle('Meetinity User Service')
    .setDescription('Accounts, sign-in, profiles, preferences and sessions of the Meetinity platform.')
    .setVersion(VERSION)
    .setLicense('Proprietary', 'https://meetinity.example/terms')
    .addServer('/', 'this service')
    .addServer('/api', 'behind the ingress')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'The credential of another service' }, 'service')
    .build();
  // Created on first use: most processes never serve it.
  SwaggerModule.setup('docs', app, () => complete(SwaggerModule.createDocument(app, config)), {
    jsonDocumentUrl: 'docs-json',
    customSiteTitle: 'Meetinity User Service',
    swaggerOptions: { persistAuthorization: true },
  });
}
