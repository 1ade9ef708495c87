import type { DataSource } from 'typeorm';
import { migrate } from '../src/database/migrator.js';
import { Member, TestApp } from './support/app.js';
import { ScratchDatabases } from './support/scratch-database.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until, within } from './support/until.js';

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

  it('continues at its position while users register and leave', async () => {
    const first = await list({ search: 'sortco', limit: 20 });
    await addUsers('Sortcolate', 5);
    await service.sql('DELETE FROM users WHERE id = $1', [first.users[19].id]);
    const second = await list({ search: 'sortco', limit: 100, after: first.next });
    expect(idsOf(second)).toHaveLength(COUNT - 20);
    expect(new Set([...idsOf(first), ...idsOf(second)]).size).toBe(COUNT);
  });

  it('refuses a cursor of another order and a forged one', async () => {
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
  const readsReplica = async (app: TestApp) =>
    (await list({}, app)).users.every(({ name }) => name === 'On the replica');
  let url: string;
  let replica: DataSource;
  beforeAll(async () => {
    url = await scratch.create();
    replica = await scratch.connect(url);
    await migrate(replica);
    await replica.query(`INSERT INTO users (email, name) VALUES ('replica@example.com', 'On the replica')`);
  });
  afterAll(() => scratch.drop());

  it.each<[string, (proxy: TcpProxy) => void]>([
    ['is away', (proxy) => proxy.cut()],
    ['hangs', (proxy) => proxy.freeze()],
  ])('serves the list, and the primary takes over if it %s, at the start or later', async (_, fault) => {
    for (const used of [true, false]) {
      const proxy = await TcpProxy.before(url);
      const app = await TestApp.start({ DATABASE_REPLICA_URL: proxy.url, DATABASE_POOL_SIZE: '6' });
      if (used) await until(() => readsReplica(app));
      fault(proxy);
      // Two at once is what there are places for.
      const lists = () => Promise.all([1, 2].map(() => list({ search: admin.email }, app)));
      for (const answer of await within(6000, lists)) expect(idsOf(answer)).toEqual([admin.id]);
      // Not used for a while now, so no list waits for it.
      await within(1000, lists);
      await within(6000, () => app.stop());
      await proxy.stop();
    }
  });

  it('that stops during a list fails only that request, in time', async () => {
    const proxy = await TcpProxy.before(url);
    const app = await TestApp.start({ DATABASE_REPLICA_URL: proxy.url });
    await until(() => readsReplica(app));
    await replica.transaction(async (tx) => {
      await tx.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
      const asked = within(6000, () => app.get('/admin/users', admin.access));
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await until(async () => (await tx.query(waiting)).length > 0);
      proxy.freeze();
      const { status, body, headers } = await asked;
      expect([status, body.error?.type, Number(headers['retry-after']) > 0]).toEqual([429, 'busy', true]);
    });
    expect(idsOf(await list({ search: admin.email }, app))).toEqual([admin.id]);
    await app.stop();
    await proxy.stop();
  });
});
