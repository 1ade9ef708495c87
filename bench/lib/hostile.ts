import { BodyRoute, bodyOf } from '../../test/support/body-routes.js';

/** A request that is meant to be expensive. */
export interface Hostile {
  /** How it is extreme. */
  kind: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer | string;
  /** Sent with an administrator's access token. */
  session: boolean;
}

const NO_USER = '00000000-0000-4000-8000-000000000000';
/** Node's limit on the request line and headers, minus the other headers. */
const HEAD_BYTES = 15_000;
const WITHIN_BYTES = { auth: 16 * 1024 - 200, other: 64 * 1024 - 200 };
/** Over every limit. */
const BEYOND_BYTES = 240_000;

const numbered = (count: number, item: (index: number) => string) => Array.from({ length: count }, (_, i) => item(i));
const filled = (text: string, bytes: number) => text.repeat(Math.floor(bytes / Buffer.byteLength(text)));

/** Bodies of every kind for a field of a route, at the maximum length. */
function bodies(route: BodyRoute, field: string, bytes: number, entries: number): Record<string, string> {
  const good = JSON.stringify(bodyOf(route, {})).slice(1, -1);
  const withField = (value: string) => `{${good ? `${good},` : ''}${JSON.stringify(field)}:${value}}`;
  const texts = {
    letters: 'a',
    blanks: ' ',
    marks: '\u0301\u0316',
    emoji: '❤️',
    dots: '.é',
    escapes: '\\u0041',
    slashes: '\\\\',
  };
  return {
    'keys in a field': withField(`{${numbered(entries, (index) => `"k${index}":0`).join()}}`),
    'list in a field': withField(`[${numbered(entries, (index) => `"${index}"`).join()}]`),
    'depth in a field': withField(`${'{"a":['.repeat(31)}0${']}'.repeat(31)}`),
    'number in a field': withField(filled('9', bytes)),
    ...Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [`${name} in a field`, withField(`"${filled(text, bytes)}"`)]),
    ),
  };
}

function wholeBodies(bytes: number, entries: number): Record<string, string | Buffer> {
  return {
    'unknown keys': `{${numbered(entries, (index) => `"k${index}":0`).join()}}`,
    'long unknown keys': `{${numbered(Math.floor(bytes / 200), (index) => `"${index}${'\\u0001'.repeat(30)}":0`).join()}}`,
    'only brackets': filled('[', bytes),
    'only commas': `[${filled('0,', bytes)}0]`,
    'not UTF-8': Buffer.alloc(bytes, 0xe9),
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };

export function hostileBodies(route: BodyRoute): Hostile[] {
  const auth = route.path.startsWith('/auth/');
  const at = { method: route.method, path: route.path.replace('{id}', NO_USER), headers: JSON_TYPE };
  const within = auth ? WITHIN_BYTES.auth : WITHIN_BYTES.other;
  const few = auth ? 190 : 990;
  const found = { ...wholeBodies(within, few) };
  const long = wholeBodies(BEYOND_BYTES, 20_000);
  for (const [kind, body] of Object.entries(long)) found[`${kind}, beyond the limits`] = body;
  for (const field of Object.keys(route.fields)) {
    for (const [kind, body] of Object.entries(bodies(route, field, within, few)))
      found[kind.replace('a field', field)] = body;
    for (const kind of ['keys in a field', 'marks in a field'])
      found[`${kind.replace('a field', field)}, beyond the limits`] = bodies(route, field, BEYOND_BYTES, 20_000)[kind]!;
  }
  return Object.entries(found).map(([kind, body]) => ({ ...at, kind, body, session: !auth }));
}

function get(kind: string, path: string, headers: Record<string, string> = {}, session = false): Hostile {
  return { kind, method: 'GET', path, headers, session };
}

export function hostileHeads(): Hostile[] {
  const long = (text: string) => filled(text, HEAD_BYTES);
  const jwt = (payload: string) =>
    `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from(payload).toString('base64url')}.x`;
  const queries = {
    keys: long('a&'),
    'different keys': numbered(2000, (index) => `k${index}=`).join('&'),
    'one key': long('limit=1&'),
    search: `search=${long('%CC%81%CC%96')}`,
    after: `after=${long('W1tb')}`,
    sort: `sort=${long('-')}`,
    from: `from=${long('2')}`,
  };
  const headers = {
    authorization: { authorization: `Bearer ${long('a.')}` },
    'nested token': { authorization: `Bearer ${jwt('['.repeat(10_000))}` },
    'token of keys': { authorization: `Bearer ${jwt(`{${numbered(1000, (i) => `"${i}":0`).join()}}`)}` },
    cookie: { cookie: long('a=b;') },
    'x-forwarded-for': { 'x-forwarded-for': long('1,') },
    'user-agent': { 'user-agent': long('Mozilla/5.0 (') },
    accept: { accept: long('text/html,') },
    traceparent: { traceparent: long('0-') },
    'many headers': Object.fromEntries(numbered(1500, (index) => `h${index}`).map((name) => [name, '1'])),
  };
  return [
    ...Object.entries(queries).flatMap(([kind, query]) => [
      get(`query: ${kind}`, `/admin/users?${query}`, {}, true),
      get(`query: ${kind}`, `/admin/audit?${query}`, {}, true),
      get(`query: ${kind}`, `/auth/google/callback?${query}`),
      get(`query: ${kind}`, `/auth/password/reset?${query}`),
    ]),
    get('query: redirect_uri', `/auth/oauth/google?redirect_uri=${long('h://')}`),
    get('query: token', `/auth/email/verify?token=${long('%41')}`),
    ...['/users/profile', '/auth/google/callback?state=x'].flatMap((path) =>
      Object.entries(headers).map(([kind, values]) => get(`header: ${kind}`, path, values)),
    ),
    ...['/', '/a', '/..', '/%41', '/%F0%9F%98%80'].flatMap((part) => [
      get(`URL of ${part}`, long(part)),
      get(`id of ${part}`, `/users/${long(part.slice(1) || 'x')}`, {}, true),
      get(`name of ${part}`, `/uploads/${long(part.slice(1) || 'x')}`),
    ]),
    {
      ...get('content-type', '/auth/login', { 'content-type': `application/json${long('; a=b')}` }),
      method: 'POST',
      body: '{}',
    },
  ];
}

export function hostileForms(): Hostile[] {
  const form = (kind: string, body: string): Hostile => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' };
    return { kind: `form: ${kind}`, method: 'POST', path: '/auth/pages/password-reset', headers, body, session: false };
  };
  const [bytes, boundary] = [WITHIN_BYTES.auth, 'x'.repeat(70)];
  const part = (head: string, content = '') => `--${boundary}\r\n${head}\r\n\r\n${content}\r\n`;
  const upload = (kind: string, body: string): Hostile => {
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
    return { kind: `multipart: ${kind}`, method: 'POST', path: '/users/profile/avatar', headers, body, session: true };
  };
  const file = 'content-disposition: form-data; name="file"; filename=';
  return [
    form('ampersands', filled('&', bytes)),
    form('keys', numbered(190, (index) => `${index}=${'%3C'.repeat(20)}`).join('&')),
    form('token', `token=${filled('"', bytes - 20)}`),
    form('escapes', `token=x&password=${filled('%CC%81%CC%96', bytes - 40)}&password_repeat=x`),
    upload(
      'parts',
      `${numbered(2000, (index) => part(`content-disposition: form-data; name="${index}"`)).join('')}--${boundary}--`,
    ),
    upload('headers', part(numbered(3000, (index) => `h${index}: 1`).join('\r\n'))),
    upload('long header', part(`${file}"${'a.'.repeat(30_000)}png"`, 'x')),
    upload('half boundaries', part(`${file}"a.png"`, `\r\n--${'x'.repeat(69)}`.repeat(10_000))),
  ];
}
