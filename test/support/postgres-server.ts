import { appendFileSync, chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { guardProcess } from '../../scripts/services/guard.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import type { Certificate } from './certificates.js';

const CARELESS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/** A PostgreSQL of one spec, for settings of the whole server. */
export class OwnPostgres {
  private constructor(
    private readonly folder: string,
    private readonly server: EmbeddedPostgres,
    private readonly guard: ReturnType<typeof guardProcess>,
  ) {}

  /** @param flags of the server; by default those that are fastest, where a crash may lose what was committed */
  static async start(flags: Record<string, string> = CARELESS): Promise<OwnPostgres> {
    const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-own-postgres-'));
    chmodSync(folder, 0o755);
    const server = await startEmbeddedPostgres({ dataDir: path.join(folder, 'data'), flags });
    return new OwnPostgres(folder, server, guardProcess(server.pid, {}));
  }

  get url(): string {
    return this.server.url;
  }

  /** The URL with another host name and parameters. */
  urlOf(host: string, parameters: Record<string, string> = {}, user?: string): string {
    const url = new URL(this.url);
    url.hostname = host;
    if (user) url.username = user;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /** Runs statements in the database `postgres`, one after the other, outside a transaction. */
  async admin(...statements: string[]): Promise<void> {
    const client = new Client({ connectionString: Object.assign(new URL(this.url), { pathname: '/postgres' }).href });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  /** Enables TLS with rules of pg_hba.conf; the database `postgres` stays open. */
  async encrypt(certificate: Certificate, authority: string, rules: string[]): Promise<void> {
    const { uid, gid } = statSync(path.join(this.server.dataDir, 'PG_VERSION'));
    chownSync(certificate.key, uid, gid);
    const hba = path.join(this.server.dataDir, 'pg_hba.conf');
    writeFileSync(hba, ['host postgres all all scram-sha-256', ...rules, ''].join('\n'));
    const settings = {
      ssl: 'on',
      ssl_cert_file: certificate.cert,
      ssl_key_file: certificate.key,
      ssl_ca_file: authority,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    appendFileSync(path.join(this.server.dataDir, 'postgresql.conf'), lines.join(''));
    await this.admin('SELECT pg_reload_conf()', 'SELECT pg_sleep(0.3)');
  }

  /** SIGKILL; `stop` removes what it leaves. */
  async kill(): Promise<void> {
    process.kill(this.server.pid, 'SIGKILL');
    await this.guard.stop();
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.guard.stop();
    rmSync(path.dirname(this.server.dataDir), { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
