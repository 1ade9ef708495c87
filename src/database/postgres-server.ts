import { type PostgresTls, readPostgresTls, withoutTlsParameters } from '../config/postgres-tls.js';
import type { Settings } from '../config/settings.js';

export interface PostgresServer {
  /** Without the TLS parameters. */
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
  const { hostname, port, searchParams } = new URL(address);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  return {
    connectionString: withoutTlsParameters(address),
    tls: embedded ? { mode: 'disable', options: {} } : readPostgresTls(name, address, ssl),
    label: `PostgreSQL (${name}, ${host}:${port || 5432})`,
  };
}

function variableOf({ database: { embedded, url, ownerUrl, replicaUrl } }: Settings, address: string): string {
  if (embedded) return 'embedded';
  if (address === url) return 'DATABASE_URL';
  if (address === ownerUrl) return 'DATABASE_OWNER_URL';
  return address === replicaUrl ? 'DATABASE_REPLICA_URL' : 'DATABASE_DIRECT_URL';
}
