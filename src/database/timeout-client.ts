import type { Socket } from 'node:net';
import { type Client, type ClientConfig, DatabaseError } from 'pg';
import { postgresClient, TRANSACTION_START } from './postgres-client.js';
import type { PostgresServer } from './postgres-server.js';
import { READ_ONLY, ReadOnlyRecovery } from './read-only-recovery.js';

/** How much longer than `statement_timeout` the client waits before it destroys the connection. */
const GRACE_MS = 500;

export interface Timeouts {
  statementMs: number;
  /** Of a transaction between two statements. */
  idleMs: number;
  /** There is a pooler in transaction mode, which refuses timeouts as startup parameters. */
  pooled: boolean;
}

/** Private to pg 8.23.1, which has no public way to cancel a statement or to destroy a connection that hangs. */
interface Wire {
  connection: {
    stream: Socket;
    connect(port: number, host: string): void;
  } & NodeJS.EventEmitter & {
      cancel(processId: number, secret: number): void;
    };
  processID: number;
  secretKey: number;
}

type Callback = (error: unknown, ...rest: unknown[]) => void;
type Release = (error?: Error | boolean) => void;

/**
 * A client class whose statements all time out. PostgreSQL cancels a slow one, by timeouts set on the connection or, behind a
 * pooler, at the start of each transaction and by a cancel request. If the server does not answer at all, the connection is
 * destroyed: back in the pool it would block the next request. By hand, because pg's `query_timeout` leaves such a connection
 * in the pool.
 */
export function timeoutClient(server: PostgresServer, { statementMs, idleMs, pooled }: Timeouts): typeof Client {
  const start = `${TRANSACTION_START}; SET LOCAL statement_timeout = ${statementMs}; SET LOCAL idle_in_transaction_session_timeout = ${idleMs}`;
  const PostgresClient = postgresClient(server, pooled);
  const recovery = new ReadOnlyRecovery(
    () => new PostgresClient({ connectionString: server.connectionString, connectionTimeoutMillis: statementMs }),
  );

  class BoundedClient extends PostgresClient {
    private pooledRelease: Release | null = null;
    private retired = false;

    constructor(private readonly config: ClientConfig) {
      super(config);
      // An error between the pool's listener and the borrower's, such as a FATAL that arrives together with the end of the
      // handshake, would end the process. The next query reports it.
      this.on('error', () => undefined);
      this.once('connect', () => recovery.connections.add(this));
      this.once('end', () => recovery.connections.delete(this));
    }

    /** Set by the pool each time it lends the connection. */
    set release(release: Release) {
      this.pooledRelease = release;
    }

    get release(): Release {
      const release = this.pooledRelease!;
      return (error) => {
        this.pooledRelease = null;
        // A refused statement does not make its connection unusable; replacing it each time would exhaust the pool.
        release(isRefusal(error) ? this.retired : (error ?? this.retired));
      };
    }

    retire(): void {
      this.retired = true;
      // The pool listens for errors of idle connections and removes them.
      if (!this.pooledRelease) this.emit('error', new Error('PostgreSQL takes writes again: connections are renewed'));
    }

    // In all of pg's overloads the callback, if any, is the last argument.
    override query(...args: any[]): any {
      if (pooled && args[0] === 'START TRANSACTION') args[0] = start;
      const stop = this.startTimeout();
      const last = args.findLastIndex((arg) => typeof arg === 'function');
      if (last >= 0) {
        const callback = args[last] as Callback;
        args[last] = (...answer: Parameters<Callback>) => {
          stop(answer[0]);
          callback(...answer);
        };
      }
      const result: unknown = (super.query as (...given: unknown[]) => unknown)(...args);
      if (last < 0) (result as Promise<unknown>).then(() => stop(null), stop);
      return result;
    }

    /** @returns call it at the end of the statement, with its error if there is one */
    private startTimeout(): (error: unknown) => void {
      let timer = setTimeout(() => {
        if (pooled) this.cancelRunning();
        timer = setTimeout(() => {
          const error = Object.assign(new Error('PostgreSQL does not answer'), { code: 'ETIMEDOUT' });
          (this as unknown as Wire).connection.stream.destroy(error);
        }, GRACE_MS);
      }, statementMs);
      return (error) => {
        clearTimeout(timer);
        if ((error as { code?: string } | null)?.code === READ_ONLY) recovery.start();
      };
    }

    /** The protocol sends a cancel request over a new connection; the pooler passes it on. */
    private cancelRunning(): void {
      const { processID, secretKey } = this as unknown as Wire;
      const { connection } = new PostgresClient(this.config) as unknown as Wire;
      connection.on('connect', () => connection.cancel(processID, secretKey));
      connection.on('error', () => connection.stream.destroy());
      setTimeout(() => connection.stream.destroy(), GRACE_MS);
      connection.connect(this.port, this.host);
    }
  }
  return BoundedClient;
}

function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && error.severity === 'ERROR';
}
