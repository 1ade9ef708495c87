import { Client } from 'pg';
import { TestApp } from './support/app.js';
import { workerDatabase } from './support/environment.js';

/** Session defaults that a database's owner may have set. */
const HOSTILE = {
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  default_transaction_isolation: 'serializable',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  backslash_quote: 'on',
  array_nulls: 'off',
  transform_null_equals: 'on',
};

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** The answer without values that differ at each call. */
function shapeOf(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => shapeOf(item, name));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, shapeOf(own, key)]));
  if (name === 'next') return 'a cursor or none';
  if (typeof value !== 'string') return /^(total|pages|expires_in)$/.test(name) ? typeof value : value;
  if (INSTANT.test(value)) return Math.abs(Date.now() - Date.parse(value)) < 60_000 ? 'now' : `instant ${name}`;
  return /id$|token$|^email$|link$/.test(name) ? typeof value : value;
}

/** Requests with dates, lists, numbers and races. */
async function tour(service: TestApp): Promise<unknown[]> {
  const { access, email, password, refresh, id } = await service.member();
  const admin = await service.memberWithRole('admin');
  const profile = {
    birth_date: '1990-02-03',
    bio: 'back\\slash \\u0041',
    interests: ['NULL', 'a "quoted" one', 'x\\y'],
  };
  const answers = [
    await service.put('/users/profile', profile, access),
    await service.get('/users/profile', access),
    await service.put('/users/preferences', { age_min: 20, age_max: 40 }, access),
    await service.post('/auth/login', { email, password }),
    await service.get('/users/sessions', access),
    await service.post('/auth/refresh', { refresh_token: refresh }),
    await service.get('/users/profile/export', access),
    await service.get(`/admin/users/${id}`, admin.access),
    await service.get('/admin/users?limit=1', admin.access),
    await service.get(`/admin/users?search=${email}`, admin.access),
    await service.get('/admin/audit?limit=1', admin.access),
  ];
  const { next } = (await service.get('/admin/users?limit=1', admin.access)).body;
  answers.push(await service.get(`/admin/users?limit=1&after=${next}`, admin.access));
  const races = await Promise.all(
    Array.from({ length: 20 }, (_, n) => service.put('/users/profile', { bio: `${n}` }, access)),
  );
  return [...answers, ...races.map(({ status }) => ({ status, body: null }))].map(({ status, body }) => [
    status,
    shapeOf(body),
  ]);
}

describe('session defaults of the database', () => {
  let url: string;
  beforeAll(async () => {
    url = await workerDatabase();
  });

  it('do not change any answer', async () => {
    const usual = await TestApp.start();
    const expected = await tour(usual);
    await usual.stop();
    const client = new Client({ connectionString: url });
    await client.connect();
    const name = new URL(url).pathname.slice(1);
    for (const [parameter, value] of Object.entries(HOSTILE))
      await client.query(`ALTER DATABASE ${name} SET ${parameter} = '${value.replace(', ', "', '")}'`);
    await client.end();
    const service = await TestApp.start();
    try {
      expect(await tour(service)).toEqual(expected);
      const found = await service.sql(`SELECT name, setting FROM pg_settings WHERE source = 'database'`);
      // A spelling that nothing here uses.
      expect(found.map((row) => row.name)).toEqual(['backslash_quote']);
    } finally {
      await service.stopAndDrop();
    }
  }, 60_000);
});
