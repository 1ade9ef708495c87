import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { TestApp } from './support/app.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

it('the OpenAPI document passes the recommended rules of a public linter', async () => {
  const { text } = await service.get('/docs-json');
  const { stdout, stderr, status } = spawnSync(process.execPath, ['test/support/lint-openapi.mjs'], { input: text });
  expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
  expect(String(stdout).split('\n').filter(Boolean)).toEqual([]);
});

it('is written to text once, not for each request without a token, and only as JSON', async () => {
  const { text } = await service.get('/docs-json');
  const write = jest.spyOn(JSON, 'stringify');
  const again = await service.get('/docs-json');
  const written = write.mock.calls.filter(([value]) => (value as { openapi?: string } | null)?.openapi !== undefined);
  write.mockRestore();
  expect([again.text === text, again.headers['content-type'], written.length]).toEqual([
    true,
    'application/json; charset=utf-8',
    0,
  ]);
  expect((await service.get('/docs-yaml')).status).toBe(404);
});

it('describes every field of a form as text: generators make clients that do not compile of others', async () => {
  const { body: document } = await service.get('/docs-json');
  const forms = Object.values<any>(document.paths)
    .flatMap((item) => Object.values<any>(item))
    .flatMap(({ requestBody }) => requestBody?.content?.['application/x-www-form-urlencoded'] ?? [])
    .map(({ schema }) => document.components.schemas[schema.$ref.split('/').pop()]);
  expect(forms.length).toBeGreaterThan(2);
  const fields = forms.flatMap(({ properties }) => Object.entries<any>(properties));
  expect(fields.filter(([, { type, additionalProperties }]) => type !== 'string' || additionalProperties)).toEqual([]);
});

it('documents the errors of bodies, accounts and the database for each route', async () => {
  const { body } = await service.get('/docs-json');
  const errorsOf = (method: string, path: string) =>
    Object.values<{ description: string }>(body.paths[path][method].responses)
      .map(({ description }) => description)
      .join();
  for (const type of ['invalid_json', 'payload_too_large', 'unsupported_media_type', 'busy', 'database_unavailable'])
    for (const path of ['/auth/login', '/auth/logout', '/auth/register', '/auth/refresh'])
      expect([path, errorsOf('post', path)]).toEqual([path, expect.stringContaining(`\`${type}\``)]);
  expect(errorsOf('post', '/auth/login')).toContain('`request_timeout`');
  for (const [method, path] of [
    ['put', '/users/preferences'],
    ['delete', '/users/sessions'],
  ] as const)
    expect([path, errorsOf(method, path)]).toEqual([path, expect.stringContaining('`rate_limited`')]);
  expect(errorsOf('get', '/users/profile')).toContain('`unauthenticated`');
  expect(errorsOf('get', '/health/live')).not.toMatch(/busy|unauthenticated|invalid_json/);
});

it('describes ids, bodies, errors and empty parameters as the service handles them', async () => {
  const { body: document } = await service.get('/docs-json');
  const { access } = await service.memberWithRole('admin');
  const operations = Object.entries<any>(document.paths).flatMap(([path, item]) =>
    Object.values<any>(item).map((operation) => ({ path, ...operation })),
  );
  const parameters = operations.flatMap(({ path, parameters: own = [] }) =>
    own.map((item: any) => ({ path, ...item })),
  );
  for (const { path, schema } of parameters.filter(({ name, in: place }) => place === 'path' && name === 'id'))
    expect([path, schema.format]).toEqual([path, 'uuid']);
  const queries = parameters.filter(({ path, in: place }) => path.startsWith('/admin') && place === 'query');
  expect(queries.length).toBeGreaterThan(10);
  for (const { path, name, allowEmptyValue } of queries) {
    const { status } = await service.get(`${path}?${name}=`, access);
    expect([path, name, allowEmptyValue, status]).toEqual([path, name, true, 200]);
  }
  for (const { path, responses, tags } of operations) {
    const errors = Object.entries<any>(responses).filter(([status]) => Number(status) >= 400);
    const types = ['application/json', ...(tags.includes('pages') ? ['text/html'] : [])];
    for (const [status, { content }] of errors)
      expect([path, status, Object.keys(content)]).toEqual([path, status, types]);
  }
  for (const { path, requestBody } of operations)
    for (const { schema } of Object.values<any>(requestBody?.content ?? {})) {
      const fields = schema.$ref ? document.components.schemas[schema.$ref.split('/').at(-1)] : schema;
      expect([path, fields.additionalProperties]).toEqual([path, false]);
    }
});

it('names each operation by a verb and a noun, and explains every operation, parameter and field', async () => {
  const { paths, components, tags } = (await service.get('/docs-json')).body;
  const operations = Object.values<any>(paths).flatMap((item) => Object.values<any>(item));
  const ids = operations.map(({ operationId }) => operationId as string);
  expect(ids.filter((id) => !/^[a-z]+[A-Z][A-Za-z]+$/.test(id))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  const described = new Set(tags.filter(({ description }: any) => description).map(({ name }: any) => name));
  for (const { operationId, summary, tags: own, parameters = [], responses } of operations) {
    expect([operationId, typeof summary, own.every((tag: string) => described.has(tag))]).toEqual([
      operationId,
      'string',
      true,
    ]);
    const silent = parameters.filter(({ description }: any) => !description).map(({ name }: any) => name);
    expect([operationId, silent]).toEqual([operationId, []]);
    for (const [status, { description, headers, content }] of Object.entries<any>(responses)) {
      expect([operationId, status, Boolean(description), 'X-Request-ID' in headers]).toEqual([
        operationId,
        status,
        true,
        true,
      ]);
      // The report is no error, also with status 503.
      if (Number(status) < 400 || (operationId === 'getHealth' && status === '503')) continue;
      const examples = Object.entries<any>(content['application/json'].examples);
      expect([operationId, status, examples.length > 0]).toEqual([operationId, status, true]);
      for (const [type, { value }] of examples)
        expect([value.error.type, value.error.code]).toEqual([type, Number(status)]);
    }
  }
  const fields = Object.entries<any>(components.schemas).flatMap(([schema, { properties = {} }]) =>
    Object.entries<any>(properties).map(([name, field]) => ({ name: `${schema}.${name}`, ...field })),
  );
  expect(fields.filter(({ description, $ref, allOf }) => !description && !$ref && !allOf)).toEqual([]);
});

it('accepts a null device, as documented', async () => {
  const { body: document } = await service.get('/docs-json');
  const { nullable } = document.components.schemas.LoginBody.properties.device_info;
  const { email, password } = await service.member();
  const { status } = await service.post('/auth/login', { email, password, device_info: null });
  expect([nullable, status]).toEqual([true, 200]);
});

it('names specs that exist for the requirements of OWASP ASVS, or a reason', () => {
  const rows = readFileSync('docs/security.md', 'utf8').match(/^\| (6|7|10)\.\d.*$/gm)!;
  const named = rows.flatMap((row) => [...row.matchAll(/`([\w-]+\.spec\.ts)`/g)].map(([, name]) => name!));
  const files = ['src', 'test'].flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }));
  const specs = new Set(files.map((file) => basename(file)));
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name) => !specs.has(name))).toEqual([]);
  expect(rows.filter((row) => !/\.spec\.ts|deviation: |there (is|are) none/.test(row))).toEqual([]);
});
