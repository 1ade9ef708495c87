import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, writeFileSync, chownSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { guardFolder, guardProcess } from '../../scripts/services/guard.js';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import { freePort } from '../../src/dev/free-port.js';

export interface Standby {
  /** The same database, user and password as the primary's URL. */
  url: string;
  /** Waits until each commit of the primary is on this standby too, from now on. */
  makeSynchronous(): Promise<void>;
  /** Makes it the primary; resolves when it takes writes. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'standby';

async function withClient<T>(connectionString: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString });
  await client.connect();
  return work(client).finally(() => client.end());
}

/**
 * A standby by streaming replication of an embedded server, which has no pg_basebackup: its data are copied during a backup.
 * @param primary URL of its superuser
 */
export async function startStandby(primary: string): Promise<Standby> {
  const folder = await copyData(primary);
  const { hostname, port, username, password } = new URL(primary);
  const settings = {
    primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password} application_name=${NAME}`,
    primary_slot_name: NAME,
    synchronous_standby_names: '',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  writeFileSync(path.join(folder, 'postgresql.auto.conf'), lines.join(''));
  writeFileSync(path.join(folder, 'standby.signal'), '');
  const { uid, gid } = statSync(path.join(folder, 'PG_VERSION'));
  chownSync(path.join(folder, 'standby.signal'), uid, gid);
  const flags = { max_connections: '200' };
  const server = await startEmbeddedPostgres({ dataDir: folder, port: await freePort(), flags });
  const guards = [guardProcess(server.pid, {}), guardFolder(folder)];
  const url = Object.assign(new URL(primary), { port: String(server.port) }).href;
  const makeSynchronous = () =>
    withClient(primary, async (client) => {
      await client.query(`ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (${NAME})'`);
      await client.query('SELECT pg_reload_conf()');
      const STATE = `SELECT FROM pg_stat_replication WHERE sync_state = 'sync'`;
      while ((await client.query(STATE)).rowCount === 0) await client.query('SELECT pg_sleep(0.05)');
    });
  const promote = () => withClient(url, async (client) => void (await client.query('SELECT pg_promote(true, 10)')));
  const stop = async () => {
    await server.stop();
    for (const guard of guards) await guard.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, makeSynchronous, promote, stop };
}

async function copyData(primary: string): Promise<string> {
  return withClient(primary, async (client) => {
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    const from = rows[0]!.data_directory;
    const folder = `${from}-${NAME}`;
    await client.query('SELECT pg_create_physical_replication_slot($1, true)', [NAME]);
    await client.query(`SELECT pg_backup_start('${NAME}', true)`);
    execFileSync('cp', ['-a', from, folder]);
    for (const name of ['postmaster.pid', 'postmaster.opts', 'server.log'])
      rmSync(path.join(folder, name), { force: true });
    for (const name of ['pg_wal', 'pg_replslot'])
      for (const entry of readdirSync(path.join(folder, name)))
        if (entry !== 'archive_status') rmSync(path.join(folder, name, entry), { recursive: true });
    const backup = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    writeFileSync(path.join(folder, 'backup_label'), backup.rows[0]!.labelfile);
    const { uid, gid } = statSync(path.join(folder, 'PG_VERSION'));
    chownSync(path.join(folder, 'backup_label'), uid, gid);
    return folder;
  });
}
