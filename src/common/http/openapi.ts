import type { OpenAPIObject } from '@nestjs/swagger';
import { AppError, errorBody, ERRORS, ErrorType } from '../errors.js';
import { FIELD_DESCRIPTIONS } from './field-descriptions.js';

type OperationObject = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** Of the error examples. */
const EXAMPLE_ID = '6f0c1c1e-7f5e-4a52-9a43-0d2f3b1f8a10';

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
  $ref?: string;
  allOf?: unknown[];
  type?: string;
  description?: string;
  required?: string[];
  additionalProperties?: boolean;
  format?: string;
  properties?: Record<string, Schema>;
  enum?: string[];
  'x-enum-varnames'?: string[];
}

interface Parameter {
  name: string;
  in: string;
  description?: string;
  schema: Schema;
}

interface Response {
  description?: string;
  content?: Record<string, unknown>;
  headers?: Record<string, unknown>;
}

interface RequestBody {
  content: Record<string, unknown>;
  required?: boolean;
}

const METHODS = ['get', 'post', 'put', 'delete'] as const;

/** Adds what the decorators of a route leave out: public access, formats, descriptions, and the errors that many routes share. */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  for (const schema of Object.values(document.components?.schemas ?? {}) as Schema[]) completeFields(schema);
  for (const item of Object.values(document.paths))
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      operation.security ??= [];
      for (const parameter of (operation.parameters ?? []) as Parameter[]) completeParameter(parameter);
      if (operation.requestBody) completeBody(operation.requestBody as RequestBody, document);
      const responses = operation.responses as Record<string, Response>;
      for (const type of sharedErrors(operation, method)) addError(responses, type);
      for (const [status, response] of Object.entries(responses)) completeResponse(response, Number(status), operation);
    }
  nameOperations(document);
  return document;
}

function sharedErrors({ security = [], requestBody, tags }: OperationObject, method: string): ErrorType[] {
  // An empty requirement among them makes the token optional.
  const closed = security.length > 0 && security.every((one) => Object.keys(one).length > 0);
  return [
    ...EVERYWHERE,
    ...(closed ? WITH_ACCOUNT : []),
    ...(requestBody ? WITH_BODY : []),
    ...(security.length > 0 && method !== 'get' ? WITH_WRITES : []),
    ...(tags?.includes('health') ? [] : WITH_DATABASE),
  ];
}

function completeFields({ properties = {} }: Schema): void {
  for (const [name, field] of Object.entries(properties)) {
    if (!field.$ref && !field.allOf) field.description ??= FIELD_DESCRIPTIONS[name];
    // Every number of the API is an integer, those apart that say `double`.
    if (field.type === 'number' && field.format !== 'double') field.type = 'integer';
  }
}

function completeParameter(parameter: Parameter): void {
  if (parameter.in === 'path' && parameter.name === 'id') parameter.schema.format = 'uuid';
  parameter.description ??= FIELD_DESCRIPTIONS[parameter.name];
  // Kotlin has no enum entry called `name`.
  const { enum: values } = parameter.schema;
  if (values?.includes('name'))
    parameter.schema['x-enum-varnames'] = values.map((value) => value.replace('-', 'descending_').toUpperCase());
}

function completeResponse(response: Response, status: number, { tags, summary }: OperationObject): void {
  response.headers = { ...response.headers, ...headersOf(status) };
  if (status < 400) {
    response.description ||= summary ?? '';
    return;
  }
  const words = [...(response.description ?? '').matchAll(/`(\w+)`/g)].map(([, word]) => word as ErrorType);
  const types = words.filter((word) => ERRORS[word]?.[0] === status);
  const examples = Object.fromEntries(
    types.map((type) => [type, { value: errorBody(new AppError(type), EXAMPLE_ID) }]),
  );
  // Errors are always JSON; the pages also answer HTML to browsers.
  const json = { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' }, examples } };
  response.content = tags?.includes('pages') ? { ...json, 'text/html': { schema: { type: 'string' } } } : json;
}

function headersOf(status: number): Record<string, unknown> {
  const header = (description: string, type = 'string') => ({ description, schema: { type } });
  return {
    'X-Request-ID': header('The id of the request, taken over or made'),
    ...(status === 401 ? { 'WWW-Authenticate': header('RFC 6750; on errors of the access token') } : {}),
    ...([424, 429, 503].includes(status) ? { 'Retry-After': header('Seconds', 'integer') } : {}),
  };
}

/** Replaces the index by which Nest tells the paths of one handler apart with the provider or the path. */
function nameOperations({ paths }: OpenAPIObject): void {
  const seen = new Set<string>();
  const pascal = (text: string) =>
    text.replace(/\W*(\w)(\w*)/g, (_, first: string, rest: string) => first.toUpperCase() + rest);
  for (const [path, item] of Object.entries(paths))
    for (const operation of METHODS.flatMap((method) => item[method] ?? [])) {
      const provider = /google|linkedin/.exec(path)?.[0];
      const base = `${operation.operationId!.replace(/\[\d+\]$/, '')}${provider ? `With${pascal(provider)}` : ''}`;
      operation.operationId = seen.has(base) ? `${base}At${pascal(path)}` : base;
      seen.add(operation.operationId);
    }
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
