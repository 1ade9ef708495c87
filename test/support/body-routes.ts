import type { Member, TestApp } from './app.js';

interface Schema {
  $ref?: string;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
}

/** A route with a JSON body, and its fields. */
export interface BodyRoute {
  method: 'POST' | 'PUT' | 'DELETE';
  path: string;
  fields: Record<string, Schema>;
  required: string[];
  /** The whole body may be missing. */
  optional: boolean;
  caller: 'member' | 'staff' | 'service';
}

/** Serves the OpenAPI document: the application of a spec, or a server. */
interface Described {
  get(url: string): Promise<{ body: any }>;
}

/** Reads its body itself, as it arrives; `mobile-avatar.spec.ts` has its rules. */
const STREAMED = '/profile/avatar';

/** All routes with a body, from the OpenAPI document. */
export async function bodyRoutes(service: Described): Promise<BodyRoute[]> {
  const { paths, components } = (await service.get('/docs-json')).body;
  const resolved = ({ $ref, ...schema }: Schema): Schema =>
    $ref ? components.schemas[$ref.split('/').at(-1)!] : schema;
  return Object.entries<any>(paths).flatMap(([path, operations]) =>
    Object.entries<any>(operations).flatMap(([method, operation]) => {
      const { requestBody } = operation;
      const schema = requestBody?.content['application/json']?.schema;
      if (!schema || path === STREAMED) return [];
      const { properties: fields = {}, required = [] } = resolved(schema);
      const optional = requestBody.required !== true;
      const isService = operation.security?.some((one: object) => 'service' in one);
      const caller = operation['x-permission'] ? 'staff' : isService ? 'service' : 'member';
      return { method: method.toUpperCase() as BodyRoute['method'], path, fields, required, optional, caller };
    }),
  );
}

/** An administrator, and `tokenOf`: the token for a route, of the member where it is a member's. */
export async function callersOf(service: TestApp) {
  const admin = await service.memberWithRole('admin');
  const serviceToken = await service.serviceToken();
  const tokenOf = ({ caller }: BodyRoute, { access }: Member) =>
    ({ staff: admin.access, service: serviceToken, member: access })[caller];
  return { admin, tokenOf };
}
export type TokenOf = Awaited<ReturnType<typeof callersOf>>['tokenOf'];

/** A body whose other fields are valid. */
export function bodyOf({ fields }: BodyRoute, changes: Record<string, unknown>): Record<string, unknown> {
  const good = {
    email: 'someone@example.com',
    name: 'Someone',
    password: 'a good word',
    is_active: true,
    role: 'user',
  };
  const known = Object.entries(good).filter(([name]) => name in fields);
  return { ...Object.fromEntries(known), ...changes };
}

/**
 * Sends each value in all fields of the route at once, and alone in each field that the answer does not refuse: only with an
 * accepted value does a request come further than its validation.
 * @param send receives a body and returns the answer
 */
export async function tryValues<T extends { body: any }>(
  route: BodyRoute,
  values: unknown[],
  send: (body: Record<string, unknown>) => Promise<T>,
): Promise<void> {
  const names = Object.keys(route.fields);
  for (const value of values) {
    const { body } = await send(Object.fromEntries(names.map((name) => [name, value])));
    const details: { field: string }[] = body?.error?.details ?? [];
    const refused = new Set(details.map(({ field }) => field.split('.')[0]));
    for (const name of names) if (!refused.has(name)) await send(bodyOf(route, { [name]: value }));
  }
}
