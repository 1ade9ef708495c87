import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import { entities } from '../src/entities.js';
import { searchFold, searchPattern, USER_SEARCH_TEXT, userSearchText } from '../src/users/list/user-search.js';
import { type CatalogSection, readCatalog } from './support/catalog.js';
import { dropWorkerDatabase, workerDatabase } from './support/environment.js';
import { ScratchDatabases } from './support/scratch-database.js';

const scratch = new ScratchDatabases();
let migrated: DataSource;
let synchronized: DataSource;
let schema: Record<CatalogSection, Record<string, string>>;
let declared: typeof schema;

beforeAll(async () => {
  migrated = await scratch.connect(await workerDatabase());
  synchronized = await scratch.connect(await scratch.create());
  await synchronized.synchronize();
  [schema, declared] = await Promise.all([readCatalog(migrated), readCatalog(synchronized)]);
});

afterAll(async () => {
  await scratch.drop();
  await dropWorkerDatabase();
});

/** What the entities cannot say, so only the migrations do: indexes with an expression or an order. */
const MIGRATION_ONLY_INDEXES = {
  idx_audit_action: 'CREATE INDEX idx_audit_action ON public.audit_logs USING btree (action, at DESC, id DESC)',
  idx_audit_actor: 'CREATE INDEX idx_audit_actor ON public.audit_logs USING btree (actor_id, at DESC, id DESC)',
  idx_audit_at: 'CREATE INDEX idx_audit_at ON public.audit_logs USING btree (at DESC, id DESC)',
  idx_audit_target: 'CREATE INDEX idx_audit_target ON public.audit_logs USING btree (target_id, at DESC, id DESC)',
  idx_users_admins: `CREATE INDEX idx_users_admins ON public.users USING btree (id) WHERE ((role)::text = 'admin'::text)`,
  idx_users_created_at:
    'CREATE INDEX idx_users_created_at ON public.users USING btree (created_at DESC, id) INCLUDE (is_active, role, oauth_provider)',
  idx_users_email:
    'CREATE UNIQUE INDEX idx_users_email ON public.users USING btree (lower((email)::text)) INCLUDE (email, id)',
  idx_users_email_active:
    'CREATE INDEX idx_users_email_active ON public.users USING btree (email) WHERE (is_active = true)',
  idx_users_google_oauth: `CREATE INDEX idx_users_google_oauth ON public.users USING btree (oauth_id) WHERE ((oauth_provider)::text = 'google'::text)`,
  idx_users_last_login:
    'CREATE INDEX idx_users_last_login ON public.users USING btree (last_login DESC, id) WHERE (last_login IS NOT NULL)',
  idx_users_linkedin_oauth: `CREATE INDEX idx_users_linkedin_oauth ON public.users USING btree (oauth_id) WHERE ((oauth_provider)::text = 'linkedin'::text)`,
  idx_users_search:
    'CREATE INDEX idx_users_search ON public.users USING gin (users_search_text((name)::text, (email)::text, (company)::text) gin_trgm_ops)',
  idx_users_staff: `CREATE INDEX idx_users_staff ON public.users USING btree (role, id) WHERE ((role)::text <> 'user'::text)`,
};

const TRIGGERS = {
  audit_logs_refuse_row:
    'CREATE TRIGGER audit_logs_refuse_row BEFORE DELETE OR UPDATE ON public.audit_logs FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only()',
  audit_logs_refuse_statement:
    'CREATE TRIGGER audit_logs_refuse_statement BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_logs FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only()',
  user_sessions_deleted:
    'CREATE TRIGGER user_sessions_deleted AFTER DELETE ON public.user_sessions FOR EACH ROW WHEN (((old.revoked_at IS NULL) AND (old.expires_at > now()))) EXECUTE FUNCTION notify_session_revoked()',
  user_sessions_revoked:
    'CREATE TRIGGER user_sessions_revoked AFTER UPDATE OF revoked_at, expires_at ON public.user_sessions FOR EACH ROW WHEN (((old.revoked_at IS DISTINCT FROM new.revoked_at) OR (new.expires_at < old.expires_at))) EXECUTE FUNCTION notify_session_revoked()',
  users_access_changed:
    'CREATE TRIGGER users_access_changed AFTER UPDATE OF is_active, role ON public.users FOR EACH ROW WHEN (((old.is_active IS DISTINCT FROM new.is_active) OR ((old.role)::text IS DISTINCT FROM (new.role)::text))) EXECUTE FUNCTION notify_session_revoked()',
};

/** Digests of the definitions; white space does not count. */
const FUNCTIONS = {
  audit_logs_append_only: 'b2afe0beda298e322429f2ab2f798903',
  notify_session_revoked: 'd4b72269a14176ab04d6c67ebda12acf',
  audit_logs_redact: '450c4fdacc235bd942767c83f84eb130',
  users_search_fold: 'bc03c5150792c5c0d1422f5813c06d39',
  users_search_text: 'f9969d60d398af3f98d2e3c52b45627d',
};

const digest = (text: string) => createHash('md5').update(text.replaceAll(/\s+/g, ' ')).digest('hex');

const SPECIFIED_TABLES = {
  users: `id email name oauth_provider oauth_id profile_picture_url bio location industry job_title company linkedin_url
    phone date_of_birth gender is_active is_verified last_login created_at updated_at`,
  user_preferences: `id user_id age_min age_max location_radius industries job_levels interests notification_email
    notification_push privacy_profile privacy_location created_at updated_at`,
  user_sessions: `id user_id refresh_token device_info ip_address expires_at created_at last_used`,
};

const SPECIFIED_INDEXES = `idx_users_email idx_users_oauth idx_users_active idx_sessions_user idx_sessions_token
  idx_sessions_expires idx_users_email_active idx_users_created_at idx_users_last_login idx_users_google_oauth
  idx_users_linkedin_oauth`;

describe('entities and schema', () => {
  it('show no difference to TypeORM', async () => {
    const { upQueries } = await migrated.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('lists every entity of the tree', () => {
    const folder = path.resolve(__dirname, '../src');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    expect(entities).toHaveLength(files.filter((file) => file.endsWith('.entity.ts')).length);
  });

  it('have the same columns, types and defaults', () => {
    expect(schema.columns).toEqual(declared.columns);
  });

  it('have the same keys, checks and foreign keys, by definition', () => {
    expect(schema.constraints).toEqual(declared.constraints);
  });

  it('have the same indexes, by definition, apart from the pinned ones', () => {
    expect(schema.indexes).toEqual({ ...declared.indexes, ...MIGRATION_ONLY_INDEXES });
  });

  it('has the pinned triggers and functions and no others', () => {
    expect(schema.triggers).toEqual(TRIGGERS);
    const digests = Object.entries(schema.functions).map(([name, text]) => [name, digest(text)]);
    expect(Object.fromEntries(digests)).toEqual(FUNCTIONS);
  });

  it('has every name of the specification', () => {
    const columns = Object.entries(SPECIFIED_TABLES).flatMap(([table, names]) =>
      names.split(/\s+/).map((name) => `${table}.${name}`),
    );
    expect(Object.keys(schema.columns)).toEqual(expect.arrayContaining(columns));
    expect(Object.keys(schema.indexes)).toEqual(expect.arrayContaining(SPECIFIED_INDEXES.split(/\s+/)));
  });

  it('has no timestamp without a time zone', () => {
    expect(Object.values(schema.columns).join()).not.toContain('without time zone');
  });
});

describe('user search', () => {
  it('uses the expression of the index with any alias', async () => {
    const { rows } = (await migrated.transaction(async (tx) => {
      await tx.query('SET LOCAL enable_seqscan = off');
      const where = `WHERE ${userSearchText('u')} LIKE ${searchFold('$1')}`;
      return { rows: await tx.query(`EXPLAIN SELECT id FROM users u ${where}`, [searchPattern('Müller')]) };
    })) as { rows: Record<string, string>[] };
    expect(JSON.stringify(rows)).toContain('idx_users_search');
    expect(userSearchText()).toBe(USER_SEARCH_TEXT.replace(/\b(name|email|company)\b/g, 'users.$1'));
  });

  it('takes wildcards literally', async () => {
    const match = `SELECT 'a%b_c\\d' LIKE $1 AS found`;
    for (const [term, found] of [
      ['%b_', true],
      ['c\\d', true],
      ['a_b', false],
      ['a%c', false],
    ])
      expect(await migrated.query(match, [searchPattern(term as string)])).toEqual([{ found }]);
  });
});

describe('the audit log', () => {
  const actor = '00000000-0000-4000-8000-000000000001';

  beforeAll(async () => {
    await migrated.query(
      `INSERT INTO audit_logs (actor_id, action, reason, ip_address, request_id, before, after)
       VALUES ($1, 'user.deactivated', 'spam', '192.0.2.1', 'r-1', '{"a": 1}', '{"a": 2}')`,
      [actor],
    );
  });

  const redacting = (statement: string) =>
    migrated.transaction(async (tx) => {
      await tx.query(`SET LOCAL meetinity.redact_audit = 'on'`);
      await tx.query(statement);
    });

  it.each([
    `UPDATE audit_logs SET reason = 'none'`,
    `UPDATE audit_logs SET reason = NULL`,
    `UPDATE audit_logs SET reason = NULL WHERE false`,
    `DELETE FROM audit_logs`,
    `DELETE FROM audit_logs WHERE false`,
    `TRUNCATE audit_logs`,
  ])('refuses %s', async (statement) => {
    await expect(migrated.query(statement)).rejects.toThrow('audit_logs is append-only');
  });

  it.each([
    `UPDATE audit_logs SET reason = 'none'`,
    `UPDATE audit_logs SET before = '{}'`,
    `UPDATE audit_logs SET ip_address = NULL, actor_id = NULL`,
    `UPDATE audit_logs SET ip_address = NULL, action = 'user.created'`,
    `UPDATE audit_logs SET ip_address = NULL, at = now() + interval '1 day'`,
    `DELETE FROM audit_logs`,
    `TRUNCATE audit_logs`,
    `UPDATE audit_logs SET ip_address = NULL`,
  ])('refuses %s with the setting of earlier versions', async (statement) => {
    await expect(redacting(statement)).rejects.toThrow('audit_logs is append-only');
  });

  it('lets erasure redact what identifies an erased person, and nothing else', async () => {
    const redact = () =>
      migrated.query(`SELECT audit_logs_redact($1, 'actor', 'infinity', 9223372036854775807, 250)`, [actor]);
    await expect(redact()).rejects.toThrow('the account was not erased');
    await migrated.query(`INSERT INTO audit_logs (target_id, action) VALUES ($1, 'user.deleted')`, [actor]);
    await redact();
    const [row] = await migrated.query<Record<string, unknown>[]>(`SELECT * FROM audit_logs WHERE actor_id = $1`, [
      actor,
    ]);
    const kept = { actor_id: actor, action: 'user.deactivated', reason: 'spam', before: { a: 1 }, after: { a: 2 } };
    expect(row).toMatchObject({ ...kept, ip_address: null, request_id: null });
    const blank = `UPDATE audit_logs SET ip_address = NULL, request_id = NULL`;
    await expect(migrated.query(blank)).rejects.toThrow('audit_logs is append-only');
  });
});
