import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { RuntimeRole } from '../config/settings.connections.js';

/** Privileges of the service on its tables: the audit log is append-only, and migrations belong to the owner. */
const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
const EXCEPTIONS: Record<string, string[]> = {
  audit_logs: ['SELECT', 'INSERT'],
  audit_leaves: ['SELECT', 'INSERT'],
  audit_salts: ['SELECT', 'INSERT', 'DELETE'],
  migrations: ['SELECT'],
  typeorm_metadata: [],
};
/** Functions that PUBLIC cannot execute. */
const FUNCTIONS = ['audit_logs_redact(uuid, text, timestamptz, bigint, integer)'];
const SCRAM_ITERATIONS = 4096;

/**
 * Creates missing roles and grants them what the service needs and no more. Idempotent.
 * @param dataSource connected as the owner, under the migration lock: concurrent grants fail in the catalog
 * @throws Error if a role could grant itself any privilege
 */
export async function grantRuntimeRoles(dataSource: DataSource, roles: RuntimeRole[]): Promise<void> {
  for (const role of roles)
    await dataSource.transaction(async (tx) => {
      await createUnlessThere(tx, role);
      await refusePowerful(tx, role.name);
      for (const statement of await missingGrants(tx, role.name)) await tx.query(statement);
    });
}

async function createUnlessThere(tx: EntityManager, { name, password }: RuntimeRole): Promise<void> {
  const [found] = await tx.query<unknown[]>('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  if (found) return;
  // The verifier, not the password: statements are logged.
  const secret = password === '' ? '' : `PASSWORD '${scramVerifier(password)}'`;
  await tx.query(`CREATE ROLE ${quoteName(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE ${secret}`);
}

/** The owner of a table, its schema or a function, or a member of that role, can grant itself any privilege. */
async function refusePowerful(tx: EntityManager, name: string): Promise<void> {
  const owned = await tx.query<{ what: string; owner: string }[]>(
    `SELECT what, owner::regrole::text AS owner FROM (
       SELECT relname AS what, relowner AS owner FROM pg_class WHERE relnamespace = current_schema()::regnamespace
       UNION ALL SELECT proname, proowner FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
       UNION ALL SELECT nspname, nspowner FROM pg_namespace WHERE nspname = current_schema()
     ) AS object WHERE pg_has_role($1, owner, 'MEMBER') LIMIT 1`,
    [name],
  );
  if (!owned[0]) return;
  const { what, owner } = owned[0];
  throw new Error(
    `DATABASE_URL must name a role without rights of its own, but ${name} has those of ${owner}, which owns ${what}: ` +
      `no superuser and no member of that role; what it owns itself goes to the role of DATABASE_OWNER_URL with REASSIGN OWNED`,
  );
}

async function missingGrants(tx: EntityManager, name: string): Promise<string[]> {
  const role = quoteName(name);
  const [{ schema, usable }] = await tx.query(
    `SELECT quote_ident(current_schema()) AS schema, has_schema_privilege($1, current_schema(), 'USAGE') AS usable`,
    [name],
  );
  const tables = await tx.query<{ name: string; held: string[] }[]>(
    `SELECT relname AS name, ARRAY(SELECT privilege_type FROM aclexplode(relacl)
        WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = $1)) AS held
       FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')`,
    [name],
  );
  const statements = usable ? [] : [`GRANT USAGE ON SCHEMA ${schema} TO ${role}`];
  for (const { name: table, held } of tables) {
    const wanted = EXCEPTIONS[table] ?? PRIVILEGES;
    if (wanted.toSorted().join() === held.toSorted().join()) continue;
    const target = `${schema}.${quoteName(table)}`;
    statements.push(`REVOKE ALL ON ${target} FROM ${role}`);
    if (wanted.length > 0) statements.push(`GRANT ${wanted.join(', ')} ON ${target} TO ${role}`);
  }
  for (const definition of FUNCTIONS) {
    const [{ callable }] = await tx.query(
      `SELECT has_function_privilege($1, to_regprocedure($2), 'EXECUTE') IS NOT FALSE AS callable`,
      [name, definition],
    );
    if (!callable) statements.push(`GRANT EXECUTE ON FUNCTION ${definition} TO ${role}`);
  }
  return statements;
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The SCRAM verifier that PostgreSQL stores (RFC 5803). */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, SCRAM_ITERATIONS, 32, 'sha256');
  const key = (word: string) => createHmac('sha256', salted).update(word).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`;
}
