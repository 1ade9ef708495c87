import { createHash } from 'node:crypto';
import type { Logger } from 'typeorm';
import { Member, TestApp } from './support/app.js';
import { until } from './support/until.js';

const USER_ROWS = 20_000;
const ACTOR = uuidOf('actor7');
const TARGET = uuidOf('target7');
const today = new Date().toISOString().slice(0, 10);
const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

let service: TestApp;
let admin: Member;

function uuidOf(text: string): string {
  return createHash('md5')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** One node of a plan, as EXPLAIN (FORMAT JSON) has it. */
interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  Plans?: Plan[];
}

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
  await service.sql(
    `INSERT INTO users (email, name, company, is_active, role, last_login, created_at)
     SELECT 'person' || n || '@example.com', 'Given' || n % 977 || ' Family' || n % 1013,
            CASE WHEN n % 2000 = 0 THEN 'Rareco' WHEN n % 2 = 0 THEN 'Northwind' END, n % 20 > 0,
            CASE WHEN n % 1000 = 1 THEN 'moderator' ELSE 'user' END,
            CASE WHEN n % 5 > 0 THEN now() - random() * interval '1 year' END, now() - random() * interval '1 year'
       FROM generate_series(1, ${USER_ROWS}) AS n`,
  );
  await service.sql(
    `INSERT INTO audit_logs (at, actor_id, target_id, action)
     SELECT now() - n * interval '1 minute', md5('actor' || n % 50)::uuid, md5('target' || n % 5000)::uuid,
            'spec.action' || n % 20
       FROM generate_series(1, ${USER_ROWS}) AS n`,
  );
  await vacuum('users, audit_logs');
});
afterAll(() => service.stopAndDrop());

/**
 * Brings about the state that autovacuum does in time. Pages that a transaction of another connection may still see in an older
 * state are not marked, and then no plan goes by the index alone: once more until nearly all are. Pages that are new and empty never
 * are.
 */
async function vacuum(tables: string): Promise<void> {
  const unmarked = `SELECT relname FROM pg_class WHERE oid = ANY ($1::text[]::regclass[]) AND relallvisible < 0.9 * relpages`;
  await until(async () => {
    await service.sql(`VACUUM (ANALYZE) ${tables}`);
    return (await service.sql(unmarked, [tables.split(', ')])).length === 0;
  });
}

async function get(path: string) {
  const answer = await service.get(path, admin.access);
  expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.anything()]);
  return answer.body;
}

/** What a list asks of the database, in order; not the session check before it. */
async function statementsOf(path: string): Promise<[sql: string, values: unknown[] | undefined][]> {
  const statements: [string, unknown[] | undefined][] = [];
  const { logger } = service.database;
  const note: Logger['logQuery'] = (sql, values, runner) => {
    if (runner?.isTransactionActive) statements.push([sql, values as unknown[] | undefined]);
  };
  service.database.logger = Object.assign(Object.create(logger), { logQuery: note });
  await get(path);
  service.database.logger = logger;
  return statements;
}

const flat = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flat)];

/** The nodes of all plans of a request, each plan made under the settings that stood when its statement ran. */
async function plansOf(path: string): Promise<Plan[]> {
  const statements = await statementsOf(path);
  return service.database.transaction(async (tx) => {
    const nodes: Plan[] = [];
    for (const [sql, values] of statements) {
      if (/set_config|^SET/.test(sql)) await tx.query(sql, values);
      if (/set_config|^(SET|START|COMMIT|EXPLAIN)/.test(sql)) continue;
      const [answer] = await tx.query(`EXPLAIN (FORMAT JSON) ${sql}`, values);
      nodes.push(...flat(answer['QUERY PLAN'][0].Plan));
    }
    return nodes;
  });
}

describe('no list reads a table from end to end', () => {
  it.each([
    ['the first page', 'users?', 'idx_users_created_at'],
    ['a page far down', 'users?page=900', 'idx_users_created_at'],
    ['the oldest', 'users?sort=created_at', 'idx_users_created_at'],
    ['by name', 'users?sort=name', 'idx_users_name'],
    ['by name, backwards', 'users?sort=-name&page=300', 'idx_users_name'],
    ['by e-mail', 'users?sort=email&page=900', 'idx_users_email'],
    ['by sign-in', 'users?sort=-last_login&page=300', 'idx_users_last_login'],
    ['by sign-in, those without one first', 'users?sort=last_login', 'idx_users_no_login'],
    ['active ones', 'users?is_active=true&page=300', 'idx_users_created_at'],
    ['inactive ones', 'users?is_active=false&page=5', 'idx_users_created_at'],
    ['moderators', 'users?role=moderator', 'idx_users_staff'],
    ['a frequent word', 'users?search=northwind', 'idx_users_created_at'],
    ['a frequent word far down', 'users?search=northwind&page=50', 'idx_users_created_at'],
    ['a frequent word by name', 'users?search=northwind&sort=name', 'idx_users_name'],
    ['a frequent word of two letters', 'users?search=no', 'idx_users_created_at'],
    ['a rare word', 'users?search=rareco', 'idx_users_search'],
    ['a rare word by name', 'users?search=rareco&sort=-name', 'idx_users_search'],
    ['a rare word and a filter', 'users?search=rareco&is_active=true', 'idx_users_search'],
    ['an absent word', 'users?search=absentium', 'idx_users_search'],
    ['one address', 'users?search=person12345@', 'idx_users_search'],
    ['the log', 'audit?', 'idx_audit_at'],
    ['the log of a day', `audit?from=${yesterday}&to=${today}`, 'idx_audit_at'],
    ['the log of an actor', `audit?actor=${ACTOR}`, 'idx_audit_actor'],
    ['the log of a target', `audit?target=${TARGET}`, 'idx_audit_target'],
    ['the log of a target and a day', `audit?target=${TARGET}&from=${yesterday}`, 'idx_audit_target'],
    ['the log of an action', 'audit?action=spec.action7', 'idx_audit_action'],
  ])('%s', async (_, path, index) => {
    const nodes = await plansOf(`/admin/${path}`);
    expect(nodes.map((node) => node['Index Name'])).toContain(index);
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
  });

  it.each(['-created_at', 'created_at', 'name', '-name', 'email', '-last_login', 'last_login'])(
    'behind a cursor, by %s',
    async (sort) => {
      const { next } = await get(`/admin/users?sort=${sort}&page=400`);
      const nodes = await plansOf(`/admin/users?sort=${sort}&after=${next}`);
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
    },
  );

  it('reads only the index for skipped rows', async () => {
    for (const path of [
      'users?page=900',
      'users?is_active=false&page=5',
      'users?sort=name&page=900',
      'users?sort=email&page=900',
    ]) {
      const nodes = (await plansOf(`/admin/${path}`)).filter((node) => node['Index Name']?.startsWith('idx_'));
      expect([path, ...new Set(nodes.map((node) => node['Node Type']))]).toEqual([path, 'Index Only Scan']);
    }
  });
});

describe('the total of a long list', () => {
  const total = async (query: string) => {
    const body = await get(`/admin/users?${query}`);
    return [body.total, body.total_is_estimate];
  };

  it('is exact up to ten thousand', async () => {
    expect(await total('is_active=false')).toEqual([1000, false]);
    expect(await total('role=moderator')).toEqual([20, false]);
    expect(await total('search=rareco')).toEqual([10, false]);
    expect(await total('search=person12345@')).toEqual([1, false]);
    expect(await total('search=absentium')).toEqual([0, false]);
  });

  it('is estimated beyond, and marked as such', async () => {
    for (const [query, expected] of [
      ['', USER_ROWS],
      ['is_active=true', USER_ROWS * 0.95],
      ['search=northwind', USER_ROWS / 2],
      ['search=no', USER_ROWS / 2],
      ['search=northwind&sort=name', USER_ROWS / 2],
    ] as const) {
      const [found, isEstimate] = await total(query);
      expect([query, isEstimate]).toEqual([query, true]);
      expect(Math.abs(found / expected - 1)).toBeLessThan(0.15);
    }
  });

  it('is the same on every page', async () => {
    const totals = await Promise.all([1, 2, 50].map((page) => total(`search=northwind&page=${page}`)));
    expect(new Set(totals.map(String)).size).toBe(1);
  });

  it('equals the number of rows at the end', async () => {
    const { body } = await service.get('/admin/users?page=100000', admin.access);
    expect(body).toMatchObject({ users: [], next: null });
  });
});

it('finds all users with a filter that matches no row at the start of the list', async () => {
  // Who was deactivated signs in no more, so they gather at the end of those who have a sign-in.
  await service.sql(
    `UPDATE users SET last_login = now() - interval '5 years' - random() * interval '1 year'
      WHERE NOT is_active AND id < '80000000-0000-0000-0000-000000000000'`,
  );
  await vacuum('users');
  const expected = await service.sql<{ id: string }>(
    'SELECT id FROM users WHERE NOT is_active ORDER BY last_login DESC NULLS LAST, id',
  );
  const walked: { id: string }[] = [];
  let after = '';
  do {
    const page = await get(`/admin/users?sort=-last_login&is_active=false&limit=20${after}`);
    walked.push(...page.users);
    after = page.next ? `&after=${page.next}` : '';
  } while (after);
  expect(walked.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
});
