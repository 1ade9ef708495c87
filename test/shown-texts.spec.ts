import { provenMember } from './support/accounts.js';
import { Member, TestApp } from './support/app.js';
import { BodyRoute, bodyOf, bodyRoutes, callersOf, type TokenOf } from './support/body-routes.js';

let service: TestApp;
let routes: BodyRoute[];
let admin: Member;
let tokenOf: TokenOf;
let target: Member;

beforeAll(async () => {
  service = await TestApp.start();
  ({ admin, tokenOf } = await callersOf(service));
  target = await provenMember(service);
  routes = await bodyRoutes(service);
});
afterAll(() => service.stopAndDrop());

const APP_LINES = ['fullName', 'headline', 'availability', 'position'];
const LINES = ['name', 'location', 'industry', 'job_title', 'company', 'gender', 'reason', ...APP_LINES];
const LISTS = ['industries', 'job_levels', 'interests', 'skills'];
/** Fields of another form, not shown to others, or no texts. */
const OTHERS = `email password current_password new_password linkedin_url phone date_of_birth role privacy_profile token
  refresh_token device_info code code_verifier state error error_description all is_active age_min age_max location_radius
  notification_email notification_push privacy_location password_repeat file id ids createdAt status action avatarUrl experiences links preferences
  user_ids include mfa_token method credential locale recovery_code`.split(/\s+/);

const send = (route: BodyRoute, body: Record<string, unknown>) => {
  const token = tokenOf(route, target);
  return service.request(route.method, route.path.replace('{id}', target.id), { body, token });
};

/** Checks that the field is refused on every route that has it. */
async function refused(names: string[], valueOf: (name: string) => unknown): Promise<void> {
  let tried = 0;
  for (const route of routes)
    for (const name of names.filter((known) => known in route.fields)) {
      const { status, body } = await send(route, bodyOf(route, { [name]: valueOf(name) }));
      expect([route.path, name, status, body.error?.details]).toEqual([
        route.path,
        name,
        400,
        expect.arrayContaining([expect.objectContaining({ field: name })]),
      ]);
      tried += 1;
    }
  expect(tried).toBeGreaterThan(0);
}

const inForm = (name: string, text: string) => (LISTS.includes(name) ? ['Plain', text] : text);

it('covers every text of a request body', () => {
  const names = new Set(routes.flatMap(({ fields }) => Object.keys(fields)));
  expect([...names].filter((name) => ![...LINES, ...LISTS, ...OTHERS, 'bio'].includes(name))).toEqual([]);
});

describe('a text of one line', () => {
  it.each([
    ['a line break', 'Ada\nLovelace'],
    ['a carriage return', 'Ada\rLovelace'],
    ['a tab', 'Ada\tLovelace'],
    ['a next line', 'Ada\u0085Lovelace'],
    ['a line separator', 'Ada\u2028Lovelace'],
    ['a paragraph separator', 'Ada\u2029Lovelace'],
    ['a control character', 'Ada\u0007 Lovelace'],
    ['a delete', 'Ada\u007f Lovelace'],
    ['an override to the left', 'Ada\u202eecalevoL'],
    ['an override to the right', 'Ada\u202dLovelace'],
    ['an embedding', 'Ada\u202bLovelace'],
    ['an isolate', 'Ada\u2067Lovelace\u2069'],
    ['a tower of marks', `Ada${'\u0301\u0316'.repeat(40)}`],
  ])('is refused with %s in every field', async (_, text) => {
    await refused([...LINES, ...LISTS], (name) => inForm(name, text));
  });

  it.each([
    ['spaces of no width', '\u200b\u200b\u200b\u200b'],
    ['Hangul fillers', '\u3164\u115f\u1160\uffa0'],
    ['a Braille pattern without dots', '\u2800\u2800\u2800'],
    ['soft hyphens', '\u00ad\u00ad\u00ad'],
    ['joiners', '\u200d\u200c\u2060\u034f'],
    ['marks of direction', '\u200e\u200f\u061c'],
    ['variation selectors', '\ufe0f\ufe0f\ufe0f'],
    ['an accent on nothing', '\u0301\u0301\u0301'],
    ['tags', '\u{e0061}\u{e0062}\u{e0063}'],
  ])('is refused if it consists of %s', async (_, text) => {
    await refused([...LINES, ...LISTS], (name) => inForm(name, text));
  });

  it.each([
    ['a family of emoji', '👨‍👩‍👧 Kowalski'],
    ['a heart in colour', '❤️'],
    ['a flag of tags', '🏴󠁧󠁢󠁥󠁮󠁧󠁿 Ann'],
    ['a Persian name', 'علی\u200cرضا'],
    ['a Hebrew one with a mark of direction', 'דוד\u200f (David)'],
    ['one in Devanagari', 'क्षितिज'],
    ['a Vietnamese one', 'Nguyễn Thị Ánh'],
    ['an apostrophe', "O'Hara-Müller"],
    ['one letter', 'ë'],
  ])('may be %s', async (_, name) => {
    const { status, body } = await service.put('/users/profile', { name, company: name }, target.access);
    expect([status, body.name, body.company]).toEqual([200, name.normalize('NFC'), name.normalize('NFC')]);
    expect((await service.put('/users/preferences', { interests: [name] }, target.access)).status).toBe(200);
  });

  it('is stored in NFC and trimmed before it is counted', async () => {
    const [typed, kept] = [` ${'e\u0301'.repeat(255)} `, 'é'.repeat(255)];
    const { body } = await service.put(
      '/users/profile',
      { name: typed, location: typed, gender: 'e\u0301'.repeat(20) },
      target.access,
    );
    expect(body).toMatchObject({ name: kept, location: kept, gender: 'é'.repeat(20) });
    expect((await service.member({ name: typed })).id).toBeDefined();
    const lists = await service.put('/users/preferences', { interests: ['e\u0301'.repeat(100)] }, target.access);
    expect(lists.body.interests).toEqual(['é'.repeat(100)]);
    await service.put(`/admin/users/${target.id}/role`, { role: 'moderator', reason: 'Entre\u0301e' }, admin.access);
    const [{ reason }] = await service.sql(
      `SELECT reason FROM audit_logs WHERE action = 'user.role_changed' ORDER BY id DESC`,
    );
    expect(reason).toBe('Entrée');
    target = await provenMember(service);
  });
});

describe('a biography', () => {
  it('may have line breaks, which count as one character', async () => {
    const bio = 'One\r\nTwo\rThre\u0301e\u2028Four\n\tFive';
    expect((await service.put('/users/profile', { bio }, target.access)).body.bio).toBe(
      'One\nTwo\nThrée\nFour\n\tFive',
    );
  });

  it.each([
    'a\u0000b',
    'a\u0007b',
    'a\u202eb',
    'a\u2066b',
    '\u200b',
    '\u2800\n\u3164',
    `a${'\u0301\u0316'.repeat(40)}`,
  ])('is refused: %j', async (bio) => {
    expect((await service.put('/users/profile', { bio }, target.access)).status).toBe(400);
  });
});

describe('a device description', () => {
  it('is cleaned, not refused', async () => {
    const { email, password } = target;
    const device_info = { model: 'Ada\u2019s\u202e phone\n', os: ['A\u0007ndroid', { name: 'e\u0301' }], count: 2 };
    const { body } = await service.post('/auth/login', { email, password, device_info });
    const { body: own } = await service.get('/users/sessions', body.access_token);
    expect(own.sessions.find(({ current }: { current: boolean }) => current).device_info).toEqual({
      model: 'Ada\u2019s phone',
      os: ['Android', { name: 'é' }],
      count: 2,
    });
  });
});
