import { type PostgresHosts, readPostgresHosts, withoutHostParameters } from '../config/postgres-hosts.js';
import { type PostgresTls, readPostgresTls, withoutTlsParameters } from '../config/postgres-tls.js';
import type { Settings } from '../config/settings.js';

export interface PostgresServer extends PostgresHosts {
  /** Of the first host, without the parameters that the driver does not know. */
  connectionString: string;
  tls: PostgresTls;
  /** For error messages: `PostgreSQL (DATABASE_URL, db:5432)`. */
  label: string;
}

/** @param address one of `settings.database` */
export function postgresServer(settings: Settings, address: string | null): PostgresServer {
  if (!address) throw new Error('no database address: DATABASE_URL is not set and no embedded server was started');
  const { embedded, ssl } = settings.database;
  const name = variableOf(settings, address);
  const servers = readPostgresHosts(name, address);
  const hosts = servers.hosts.map(({ host, port }) => `${host}:${port}`).join(',');
  return {
    ...servers,
    connectionString: withoutHostParameters(withoutTlsParameters(address), servers),
    tls: embedded ? { mode: 'disable', options: {} } : readPostgresTls(name, address, ssl),
    label: `PostgreSQL (${name}, ${hosts})`,
  };
}

function variableOf({ database: { embedded, url, ownerUrl, replicaUrl } }: Settings, address: string): string {
  if (embedded) return 'embedded';
  if (address === url) return 'DATABASE_URL';
  if (address === ownerUrl) return 'DATABASE_OWNER_URL';
  return address === replicaUrl ? 'DATABASE_REPLICA_URL' : 'DATABASE_DIRECT_URL';
}
