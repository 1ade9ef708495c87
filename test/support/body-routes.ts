interface Schema {
  $ref?: string;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
}

/** A route that takes JSON, with the fields of its body. */
export interface BodyRoute {
  method: 'POST' | 'PUT' | 'DELETE';
  path: string;
  fields: Record<string, Schema>;
  required: string[];
  /** True where the body may be missing altogether. */
  optional: boolean;
  caller: 'member' | 'staff' | 'service';
}

/** What can be asked for the interface document: the application of a spec, or a server. */
interface Described {
  // oxlint-disable-next-line typescript/no-explicit-any
  get(url: string): Promise<{ body: any }>;
}

/** Reads its body itself, as it arrives; `mobile-avatar.spec.ts` has its rules. */
const STREAMED = '/profile/avatar';

/** All of them, as the service describes them. */
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

/** A body whose other fields are as they should be. */
export function bodyOf({ fields }: BodyRoute, changes: Record<string, unknown>): Record<string, unknown> {
  const good = { email: 'nobody@example.com', name: 'Nobody', password: 'a good word', is_active: true, role: 'user' };
  const known = Object.entries(good).filter(([name]) => name in fields);
  return { ...Object.fromEntries(known), ...changes };
}
