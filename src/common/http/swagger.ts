import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { ERRORS, ErrorType } from '../errors.js';
import { DOCS_CSP } from './security-headers.js';
import { VERSION } from '../version.js';

/** What any route can answer, whatever it does. */
const EVERYWHERE: ErrorType[] = ['bad_request', 'internal_error'];
/** What a route that needs an account can answer besides, one that takes a body, and all but those about the process. */
const WITH_ACCOUNT: ErrorType[] = ['unauthenticated'];
const WITH_BODY: ErrorType[] = [
  'validation_failed',
  'invalid_json',
  'request_timeout',
  'payload_too_large',
  'unsupported_media_type',
];
/** The limit of a member's writes. */
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

/** Errors are JSON whatever a route answers else; the pages show them as a page to those who ask for HTML. */
const ERROR = { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' } } };
const PAGE_ERROR = { ...ERROR, 'text/html': { schema: { type: 'string' } } };

const METHODS = ['get', 'post', 'put', 'delete'] as const;

/** Adds what holds for every operation: that it is open where it is, what ids look like, and the errors that no route says of itself. */
function complete(document: OpenAPIObject): OpenAPIObject {
  for (const item of Object.values(document.paths))
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      operation.security ??= [];
      for (const { name, in: place, schema } of (operation.parameters ?? []) as Parameter[])
        if (place === 'path' && name === 'id') schema.format = 'uuid';
      if (operation.requestBody) completeBody(operation.requestBody as RequestBody, document);
      // An empty requirement among them says that the token may be left out.
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

/**
 * No body has fields beside those of its class. It is checked like an empty object where it is missing, so it may be missing where
 * no field is required.
 */
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
  // Made on first use: it costs start-up time that most processes never need.
  SwaggerModule.setup('docs', app, () => complete(SwaggerModule.createDocument(app, config)), {
    jsonDocumentUrl: 'docs-json',
    customSiteTitle: 'Meetinity User Service',
    swaggerOptions: { persistAuthorization: true },
  });
}
