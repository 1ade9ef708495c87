import { Client, type ClientConfig } from 'pg';
import { FailoverConnection, firstHost } from './failover-connection.js';
import { PostgresConnection } from './postgres-connection.js';
import type { PostgresServer } from './postgres-server.js';

/**
 * Session parameters that statements and the driver rely on, overriding the defaults of server, database and role. Those keep
 * `search_path`, `default_transaction_read_only` and everything about speed or durability.
 */
const POOLED_SESSION = { DateStyle: 'ISO', TimeZone: 'UTC', standard_conforming_strings: 'on' };
const SESSION = {
  ...POOLED_SESSION,
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  transform_null_equals: 'off',
  default_transaction_isolation: 'read committed',
};

/** Sets the parameters that a pooler does not accept as startup parameters. */
export const TRANSACTION_START = [
  'START TRANSACTION ISOLATION LEVEL READ COMMITTED',
  ...Object.entries(SESSION)
    .filter(([name]) => !(name in POOLED_SESSION) && !name.startsWith('default_'))
    .map(([name, value]) => `SET LOCAL ${name} = '${value}'`),
].join('; ');

/** Slightly less than the pool's own timeout, whose error would not name the server. */
const TIMEOUT_RATIO = 0.95;

/** Of a client without a time-out, for all servers of its address. */
const DEFAULT_TIMEOUT_MS = 3000;

/**
 * A client class for one address: TLS like libpq, known session parameters, and errors of connecting that name the server.
 * @param pooled there is, or may be, a pooler in transaction mode
 */
export function postgresClient(server: PostgresServer, pooled = false): typeof Client {
  const { tls, label, hosts, readWrite } = server;
  const choosesHost = hosts.length > 1 || readWrite;
  return class PostgresClient extends Client {
    constructor(config: ClientConfig = {}) {
      const { connectionTimeoutMillis: timeout } = config;
      const connectionTimeoutMillis = timeout && Math.round(timeout * TIMEOUT_RATIO);
      const attemptMs = (connectionTimeoutMillis || DEFAULT_TIMEOUT_MS) / hosts.length;
      const connection = choosesHost ? new FailoverConnection(server, attemptMs) : new PostgresConnection(tls);
      super({
        ...config,
        ssl: false,
        connectionTimeoutMillis,
        connection,
      } as ClientConfig);
      if (!(connection instanceof FailoverConnection)) return;
      Object.assign(this, firstHost(server));
      // Cancel requests go to the server that runs the statement.
      this.once('connect', () => Object.assign(this, connection.current));
    }

    // pg's overloads differ only in whether there is a callback.
    override connect(callback?: any): any {
      const withLabel = (error: Error) => Object.assign(error, { message: `${label}: ${reasonOf(error)}` });
      if (callback) return super.connect((error: Error | null) => callback(error && withLabel(error), this));
      return super.connect().catch((error: Error) => {
        throw withLabel(error);
      });
    }

    /** Startup parameters. Private to pg 8.23.1, which has no option for other parameters than its own. */
    getStartupConf(): Record<string, string> {
      const inherited = (Client.prototype as unknown as PostgresClient).getStartupConf.call(this);
      return { ...inherited, ...(pooled ? POOLED_SESSION : SESSION) };
    }
  };
}

/** An AggregateError, of a host name with several addresses, has no message of its own. */
function reasonOf(error: Error): string {
  if (error.message === 'timeout expired') return 'it does not answer';
  return error instanceof AggregateError ? error.errors.map((part: Error) => part.message).join('; ') : error.message;
}
