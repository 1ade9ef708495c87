import { migrate } from '../src/config/migrate.js';
import { Member, TestApp } from './support/app.js';
import { ScratchDatabases } from './support/scratch-database.js';

let service: TestApp;
let admin: Member;

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
});
afterAll(() => service.stopAndDrop());

type Page = { users: { id: string; name: string }[]; next: string | null; total: number; total_is_estimate: boolean };

async function list(query: Record<string, string | number | null>, app = service): Promise<Page> {
  const parameters = new URLSearchParams(query as Record<string, string>);
  const answer = await app.get(`/admin/users?${parameters}`, admin.access);
  expect([answer.status, answer.text.slice(0, 300)]).toEqual([200, expect.anything()]);
  return answer.body;
}

const idsOf = ({ users }: Page) => users.map(({ id }) => id);

/** @param columns of the table, to SQL that makes their values from `n` */
async function addUsers(company: string, count: number, columns: Record<string, string> = {}): Promise<void> {
  await service.sql(
    `INSERT INTO users (${['email', 'name', 'company', ...Object.keys(columns)].join(', ')})
     SELECT ${[`'${company.toLowerCase()}' || n || '@example.com'`, `'N' || n * 7 % ${count}`, `'${company}'`, ...Object.values(columns)].join(', ')}
       FROM generate_series(1, ${count}) AS n`,
  );
}

describe('the order', () => {
  const COUNT = 57;
  const SORTS = ['created_at', '-created_at', 'name', '-name', 'email', '-email', 'last_login', '-last_login'];

  beforeAll(() =>
    // Few instants, of microseconds, for many rows: ties, as an import makes them; every fourth has never signed in.
    addUsers('Sortco', COUNT, {
      created_at: `now() - (n % 5) * interval '1000001 microseconds'`,
      last_login: `CASE WHEN n % 4 > 0 THEN now() - (n % 6) * interval '1000001 microseconds' END`,
    }),
  );

  async function byPages(sort: string): Promise<string[]> {
    const ids: string[] = [];
    for (let page = 1; page <= 8; page += 1) ids.push(...idsOf(await list({ search: 'sortco', sort, limit: 8, page })));
    return ids;
  }

  async function byCursor(sort: string): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const body: Page = await list({
        search: 'sortco',
        sort,
        limit: 8,
        after,
      });
      expect(body.total).toBe(COUNT);
      ids.push(...idsOf(body));
      after = body.next;
    }
    return ids;
  }

  it.each(SORTS)('%s is total, and the same by pages and by cursor', async (sort) => {
    const column = sort.replace('-', '');
    const [direction, ids] = sort.startsWith('-') ? ['DESC NULLS LAST', 'id'] : ['ASC NULLS FIRST', 'id DESC'];
    const tie = column === 'name' ? (sort === 'name' ? 'id' : 'id DESC') : ids;
    const rows = await service.sql(
      `SELECT id FROM users WHERE company = 'Sortco' ORDER BY ${column} ${direction}, ${tie}`,
    );
    const expected = rows.map(({ id }) => id);
    expect(await byPages(sort)).toEqual(expected);
    expect(await byCursor(sort)).toEqual(expected);
  });

  it('goes on where it was while others register and leave', async () => {
    const first = await list({ search: 'sortco', limit: 20 });
    await addUsers('Sortcolate', 5);
    await service.sql('DELETE FROM users WHERE id = $1', [first.users[19].id]);
    const second = await list({ search: 'sortco', limit: 100, after: first.next });
    expect(idsOf(second)).toHaveLength(COUNT - 20);
    expect(new Set([...idsOf(first), ...idsOf(second)]).size).toBe(COUNT);
  });

  it('refuses a cursor of another order, and one that was tampered with', async () => {
    const { next } = await list({ search: 'sortco', limit: 8, sort: 'name' });
    const [, key, id] = JSON.parse(Buffer.from(next!, 'base64url').toString());
    const made = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const cursors = [
      next,
      made('-created_at', key, id),
      made('-created_at', null, id),
      made('-created_at', '1', 'x'),
      made('-created_at', '9'.repeat(30), id),
    ];
    for (const after of cursors) {
      const answer = await service.get(`/admin/users?after=${after}`, admin.access);
      expect([answer.status, answer.body.error?.details[0].field]).toEqual([400, 'after']);
    }
  });
});

describe('a read replica', () => {
  const scratch = new ScratchDatabases();
  const apps: TestApp[] = [];
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()));
    await scratch.drop();
  });

  it('serves the list, and the primary does where the replica is away', async () => {
    const url = await scratch.create();
    const replica = await scratch.connect(url);
    await migrate(replica);
    await replica.query(`INSERT INTO users (email, name) VALUES ('replica@example.com', 'On the replica')`);
    const closed = 'postgres://nobody@127.0.0.1:1/none';
    for (const address of [url, closed]) apps.push(await TestApp.start({ DATABASE_REPLICA_URL: address }));
    const [reading, lost] = apps;
    expect((await list({}, reading)).users.map(({ name }) => name)).toEqual(['On the replica']);
    expect(idsOf(await list({ search: admin.email }, lost))).toEqual([admin.id]);
    // Taken away between two requests.
    await replica.destroy();
    await scratch.admin(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
    expect(idsOf(await list({ search: admin.email }, reading))).toEqual([admin.id]);
  });
});
