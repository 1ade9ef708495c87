import { Member, TestApp, uniqueEmail } from './support/app.js';

let service: TestApp;
let member: Member;

beforeAll(async () => {
  service = await TestApp.start();
  member = await service.member();
});
afterAll(() => service.stopAndDrop());

const JSON_TYPE = { 'content-type': 'application/json' };

async function send(method: 'POST' | 'PUT', url: string, payload: string) {
  const { status, body } = await service.request(method, url, { payload, headers: JSON_TYPE, token: member.access });
  return [status, body.error?.type ?? body];
}

const nested = (levels: number) => '{"a":'.repeat(levels) + '"}]"' + '}'.repeat(levels);
const registration = (field: string) =>
  `{"email":"${uniqueEmail()}","name":"Ada","password":"correct horse battery",${field}}`;

describe('a deeply nested body', () => {
  it.each<['POST' | 'PUT', string, (value: string) => string]>([
    ['POST', '/auth/register', (value) => registration(`"device_info":${value}`)],
    ['POST', '/auth/register', (value) => registration(`"unknown":${value}`)],
    ['POST', '/auth/refresh', (value) => `{"refresh_token":${value}}`],
    ['POST', '/auth/login', (value) => value],
    ['PUT', '/users/profile', (value) => `{"bio":${value}}`],
    ['PUT', '/users/preferences', (value) => `{"industries":${value}}`],
  ])('is refused: %s %s', async (method, url, body) => {
    for (const value of [nested(65), nested(2000), '['.repeat(15_000)])
      expect(await send(method, url, body(value))).toEqual([400, 'bad_request']);
  });

  it('is distinguished from one with many brackets, side by side or in a text', async () => {
    const values = `{"a":"${'[{'.repeat(200)}\\"[","b":[${'[],'.repeat(100)}${nested(60)}]}`;
    expect(await send('POST', '/auth/register', registration(`"device_info":${values}`))).toMatchObject([201, {}]);
  });
});

describe('a lone surrogate', () => {
  it.each([
    ['a name', '"name":"a\\ud800b"'],
    ['a name, at its end', '"name":"a\\uDBFF"'],
    ['an address', '"email":"a\\udc00@example.com"'],
    ['a password', '"password":"correct horse \\ude00"'],
    ['a key', '"device_info":{"\\ud83d":1}'],
    ['the wrong order', '"device_info":{"a":"\\ude00\\ud83d"}'],
    ['what only looks like a pair', '"device_info":{"a":"\\\\ud83d\\ude00"}'],
  ])('is refused in %s', async (_, field) => {
    const [name] = /^"\w+"/.exec(field)!;
    const rest = Object.entries({ email: uniqueEmail(), name: 'Ada', password: 'correct horse battery' })
      .filter(([key]) => `"${key}"` !== name)
      .map(([key, value]) => `"${key}":"${value}"`);
    expect(await send('POST', '/auth/register', `{${[field, ...rest].join()}}`)).toEqual([400, 'bad_request']);
  });

  it('is distinguished from whole pairs and escaped text', async () => {
    const bio = '"\\uD83D\\uDE00 \\ud83d\\ude00\\ud83d\\ude00 \\\\ud800 \\\\\\ud83d\\ude00 \\u00e9 \\n"';
    expect(await send('PUT', '/users/profile', `{"bio":${bio}}`)).toMatchObject([
      200,
      { bio: '😀 😀😀 \\ud800 \\😀 é' },
    ]);
  });
});
