import { isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Connection } from 'pg';
import type { PostgresTls, SslMode } from '../config/postgres-tls.js';

type Way = 'plain' | 'encrypted';

/** In libpq's order: the next one is tried where the server takes no connection, or no login, in this one. */
const WAYS: Record<SslMode, Way[]> = {
  disable: ['plain'],
  allow: ['plain', 'encrypted'],
  prefer: ['encrypted', 'plain'],
  require: ['encrypted'],
  'verify-ca': ['encrypted'],
  'verify-full': ['encrypted'],
};

/** What pg 8.23.1 has inside and does not declare; it knows no way back to an open connection (brianc/node-postgres#2720). */
interface Inside {
  stream: Socket;
  attachListeners(stream: Socket): void;
  requestSsl(): void;
}

/** A connection that agrees on TLS with the server as libpq does, before the driver says its first word. */
export class PostgresConnection extends Connection {
  private readonly ways: Way[];
  private port: number | string = '';
  private host: string | undefined;
  private agreeing = false;

  constructor(private readonly tls: PostgresTls) {
    super({ ssl: false });
    this.ways = [...WAYS[tls.mode]];
  }

  /** @param port or the path of a socket, then without a host */
  connect(port: number | string, host?: string): void {
    // What the driver goes by when it ends the connection.
    Reflect.set(this, '_connecting', true);
    this.port = port;
    this.host = host;
    this.tryNext(this.inside.stream);
  }

  private get inside(): Inside {
    return this as unknown as Inside;
  }

  private tryNext(socket: Socket): void {
    const way = this.ways.shift();
    this.use(socket);
    socket.setNoDelay(true).setKeepAlive(true);
    socket.once('connect', () => {
      if (way === 'plain') return this.login(socket);
      this.inside.requestSsl();
      socket.once('data', (answer) => this.onTlsAnswer(answer, socket));
    });
    if (this.host === undefined) socket.connect(String(this.port));
    else socket.connect(Number(this.port), this.host);
  }

  private onTlsAnswer(answer: Buffer, socket: Socket): void {
    // Bytes behind the answer would pass for what comes encrypted (CVE-2021-23222).
    const word = answer.length === 1 ? answer.toString() : '';
    if (word === 'S') return this.encrypt(socket);
    if (word === 'N' && this.ways.shift()) return this.login(socket);
    const problem = word === 'N' ? `it has no TLS, and sslmode is ${this.tls.mode}` : 'it did not agree on TLS';
    socket.destroy(new Error(problem));
  }

  private encrypt(raw: Socket): void {
    const host = this.host ?? '';
    const servername = isIP(host) ? {} : { servername: host };
    this.agreeing = true;
    const socket = connectTls({ socket: raw, host, ...servername, ...this.tls.options });
    this.use(socket);
    socket.once('secureConnect', () => {
      this.agreeing = false;
      this.login(socket);
    });
  }

  private login(socket: Socket): void {
    this.inside.attachListeners(socket);
    if (this.ways.length > 0) this.catchRefusal();
    this.emit('connect');
  }

  /** The server's rules may admit this account only the other way; until the login is through, the driver need not know. */
  private catchRefusal(): void {
    this.emit = (event: string | symbol, ...values: unknown[]) => {
      const refused = event === 'errorMessage' && (values[0] as { code?: string }).code?.startsWith('28');
      if (refused || event === 'authenticationOk') delete (this as Partial<this>).emit;
      if (!refused) return super.emit(event, ...values);
      this.fallBack(values[0] as Error);
      return true;
    };
  }

  private fallBack(refusal: Error): void {
    const before = this.inside.stream;
    this.tryNext(new Socket());
    before.destroy();
    // Of two refusals the first is the one of the way that was wanted.
    const emit = this.emit;
    this.emit = (event: string | symbol, ...values: unknown[]) => {
      if (event === 'authenticationOk') this.emit = emit;
      if (event !== 'error' && event !== 'errorMessage') return emit.call(this, event, ...values);
      refusal.message += `; ${this.tls.mode === 'allow' ? 'with' : 'without'} TLS: ${(values[0] as Error).message}`;
      return emit.call(this, event, refusal);
    };
  }

  private use(socket: Socket): void {
    this.inside.stream = socket;
    // Of a socket that another has replaced nothing is heard any more.
    socket.on('error', (error) => this.inside.stream === socket && this.onError(error));
    socket.on('close', () => this.inside.stream === socket && this.emit('end'));
  }

  private onError(error: Error & { code?: string }): void {
    const { agreeing } = this;
    this.agreeing = false;
    if (agreeing && this.ways.length > 0) return this.fallBack(error);
    // The driver is saying good-bye: that the other side has gone already is no error.
    if (Reflect.get(this, '_ending') && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) return;
    this.emit('error', error);
  }
}
