import type { Socket } from 'node:net';
import { type Client, type ClientConfig, DatabaseError } from 'pg';
import { postgresClient, TRANSACTION_START } from './postgres-client.js';
import type { PostgresServer } from './postgres-server.js';
import { READ_ONLY, ReadOnlyRecovery } from './read-only-recovery.js';

/** Milliseconds that PostgreSQL gets beyond its own statement limit before the connection is given up. */
const GRACE_MS = 500;

export interface Timeouts {
  /** Milliseconds a statement may run. */
  statementMs: number;
  /** Milliseconds a transaction may rest between two statements. */
  idleMs: number;
  /** A pooler in transaction mode stands before PostgreSQL: it refuses limits that are asked for when connecting. */
  pooled: boolean;
}

/** What the library has inside and does not declare. */
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
 * A connection whose every statement has an end. PostgreSQL cuts a slow one off, by limits set on the connection or, behind
 * a pooler, at the start of each transaction and by a request to cancel. A server that does not answer at all loses the
 * connection: put back into the pool, it would hold up the next request too.
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
      // Between the pool's listener and that of the borrower there is a gap: a goodbye that arrives in one piece with the end
      // of the handshake, or of the query before, would end the process. The next query tells the borrower.
      this.on('error', () => undefined);
      this.once('connect', () => recovery.connections.add(this));
      this.once('end', () => recovery.connections.delete(this));
    }

    /** Set by the pool each time it lends the connection; how the borrower gives it back. */
    set release(release: Release) {
      this.pooledRelease = release;
    }

    get release(): Release {
      const release = this.pooledRelease!;
      return (error) => {
        this.pooledRelease = null;
        // A statement that the server refused says nothing against its connection; made anew each time, they would be short.
        release(isRefusal(error) ? this.retired : (error ?? this.retired));
      };
    }

    retire(): void {
      this.retired = true;
      // The pool listens while nobody has borrowed it, and lets go of what fails.
      if (!this.pooledRelease) this.emit('error', new Error('PostgreSQL takes writes again: connections are renewed'));
    }

    // The library's overloads come down to these three; the last is the callback where there is one.
    // oxlint-disable-next-line typescript/no-explicit-any
    override query(...args: any[]): any {
      if (pooled && args[0] === 'START TRANSACTION') args[0] = start;
      const stop = this.watch();
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

    /** @returns to be called at the end of the statement, with its error if it has one */
    private watch(): (error: unknown) => void {
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

    /** Cancelling takes a connection of its own, as the protocol has it; the pooler passes it on. */
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
