import { Client, type ClientConfig } from 'pg';
import { PostgresConnection } from './postgres-connection.js';
import type { PostgresServer } from './postgres-server.js';

/**
 * What statements and the driver rely on, whatever the server, the database or the account say. Left to these are the
 * schema (`search_path`), the refusal of writes (`default_transaction_read_only`) and all that is about speed or durability.
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

/** The same for a transaction behind a pooler, which takes only three of them when a client connects. */
export const TRANSACTION_START = [
  'START TRANSACTION ISOLATION LEVEL READ COMMITTED',
  ...Object.entries(SESSION)
    .filter(([name]) => !(name in POOLED_SESSION) && !name.startsWith('default_'))
    .map(([name, value]) => `SET LOCAL ${name} = '${value}'`),
].join('; ');

/** The pool's own time-out would not say which server it was that did not answer. */
const TIMEOUT_RATIO = 0.95;

/**
 * The driver's client for one server: TLS as libpq has it, a session with known parameters, errors that name the server.
 * @param pooled a pooler in transaction mode stands, or may stand, before it
 */
export function postgresClient({ tls, label }: PostgresServer, pooled = false): typeof Client {
  return class PostgresClient extends Client {
    constructor(config: ClientConfig = {}) {
      const { connectionTimeoutMillis: timeout } = config;
      const connectionTimeoutMillis = timeout && Math.round(timeout * TIMEOUT_RATIO);
      super({
        ...config,
        ssl: false,
        connectionTimeoutMillis,
        connection: new PostgresConnection(tls),
      } as ClientConfig);
    }

    // The library's overloads come down to a callback, or none.
    // oxlint-disable-next-line typescript/no-explicit-any
    override connect(callback?: any): any {
      const name = (error: Error) => Object.assign(error, { message: `${label}: ${reasonOf(error)}` });
      if (callback) return super.connect((error: Error | null) => callback(error && name(error), this));
      return super.connect().catch((error: Error) => {
        throw name(error);
      });
    }

    /** Of the driver, which does not declare it; what it gives goes out with the first message. */
    getStartupConf(): Record<string, string> {
      const inherited = (Client.prototype as unknown as PostgresClient).getStartupConf.call(this);
      return { ...inherited, ...(pooled ? POOLED_SESSION : SESSION) };
    }
  };
}

/** A name with several addresses, none of which answered, has a message only in its parts. */
function reasonOf(error: Error): string {
  if (error.message === 'timeout expired') return 'it does not answer';
  return error instanceof AggregateError ? error.errors.map((part: Error) => part.message).join('; ') : error.message;
}
