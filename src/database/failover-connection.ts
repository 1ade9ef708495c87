import { Socket } from 'node:net';
import type { PostgresHost } from '../config/postgres-hosts.js';
import { PostgresConnection } from './postgres-connection.js';
import type { PostgresServer } from './postgres-server.js';
import { READ_ONLY } from './read-only-recovery.js';

/** PostgreSQL 14 and later report both when a session starts. */
const READ_ONLY_PARAMETERS = ['in_hot_standby', 'default_transaction_read_only'];

/** By label of the servers: the host that accepted the last connection, which the next one tries first. */
const lastHosts = new Map<string, PostgresHost>();

export function firstHost({ label, hosts }: PostgresServer): PostgresHost {
  return lastHosts.get(label) ?? hosts[0]!;
}

/**
 * A connection to the first of several servers that accepts it and, where the address asks for it, takes writes, as libpq has
 * it. By hand, because pg 8.23.1 knows one host, and a pool keeps the client whose connection failed.
 */
export class FailoverConnection extends PostgresConnection {
  /** The host that is tried, or that accepted the connection. */
  current: PostgresHost;
  private rest: PostgresHost[] = [];
  private readonly parameters = new Map<string, string>();
  private readonly reasons: string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private settled = false;

  /** @param attemptMs how long one server may take, if there is another one */
  constructor(
    private readonly server: PostgresServer,
    private readonly attemptMs: number,
  ) {
    super(server.tls);
    this.current = server.hosts[0]!;
  }

  /** Begins with that host. */
  override connect(port: number | string, host?: string): void {
    const { hosts } = this.server;
    const first = hosts.findIndex((one) => one.host === host && one.port === Number(port));
    this.rest = [...hosts.slice(first), ...hosts.slice(0, Math.max(first, 0))];
    this.tryHost();
  }

  /** To the connected server only: there it belongs to a session. */
  cancel(processId: number, secret: number): void {
    this.settle();
    // pg does not declare it.
    (PostgresConnection.prototype as unknown as FailoverConnection).cancel.call(this, processId, secret);
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (this.settled) return super.emit(event, ...values);
    if (event === 'parameterStatus') {
      const { parameterName, parameterValue } = values[0] as { parameterName: string; parameterValue: string };
      this.parameters.set(parameterName, parameterValue);
    }
    const error = this.problemOf(event, values[0]);
    if (!error) {
      if (event === 'readyForQuery') this.accept();
      return super.emit(event, ...values);
    }
    this.reasons.push(`${this.current.host}:${this.current.port} ${error.message}`);
    // A server that refuses the login is not a failed one (libpq), and the driver may have given up.
    const isFinal = event === 'errorMessage' && !(error as { code?: string }).code?.startsWith('57P');
    if (!isFinal && this.rest.length > 0 && !Reflect.get(this, '_ending')) {
      this.inside.stream.destroy();
      this.tryHost();
      return true;
    }
    this.settle();
    if (this.server.hosts.length > 1) error.message = this.reasons.join('; ');
    if (event === 'readyForQuery') this.inside.stream.destroy(error);
    else if (event === 'end') super.emit('error', error);
    return event === 'readyForQuery' || super.emit(event, ...values);
  }

  private problemOf(event: string | symbol, value: unknown): Error | null {
    if (event === 'error' || event === 'errorMessage') return value as Error;
    if (event === 'end') return new Error('it closed the connection');
    if (event !== 'readyForQuery' || !this.server.readWrite) return null;
    const states = READ_ONLY_PARAMETERS.map((name) => this.parameters.get(name));
    if (states.every((state) => state === 'off')) return null;
    const reason = states.includes('on') ? 'it is read-only' : 'it does not report whether it is read-only';
    return Object.assign(new Error(reason), { code: READ_ONLY });
  }

  private tryHost(): void {
    this.parameters.clear();
    clearTimeout(this.timer);
    this.current = this.rest.shift()!;
    if (this.rest.length > 0)
      this.timer = setTimeout(
        () => this.inside.stream.destroy(new Error('it does not answer')),
        this.attemptMs,
      ).unref();
    this.inside.stream = new Socket();
    super.connect(this.current.port, this.current.host.replace(/^\[|\]$/g, ''));
  }

  private accept(): void {
    lastHosts.set(this.server.label, this.current);
    this.settle();
  }

  private settle(): void {
    this.settled = true;
    clearTimeout(this.timer);
  }
}
