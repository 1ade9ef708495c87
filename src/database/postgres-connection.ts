import { isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Connection } from 'pg';
import type { PostgresTls, SslMode } from '../config/postgres-tls.js';

type Transport = 'plain' | 'encrypted';

/** In libpq's order: if the server refuses a connection or a login over one, the next is tried. */
const TRANSPORTS: Record<SslMode, Transport[]> = {
  disable: ['plain'],
  allow: ['plain', 'encrypted'],
  prefer: ['encrypted', 'plain'],
  require: ['encrypted'],
  'verify-ca': ['encrypted'],
  'verify-full': ['encrypted'],
};

/** Private to pg 8.23.1, which supports no fallback between plain and encrypted connections (brianc/node-postgres#2720). */
interface ConnectionPrivates {
  stream: Socket;
  attachListeners(stream: Socket): void;
  requestSsl(): void;
}

/** A connection that negotiates TLS as libpq does, before the driver sends its startup message. */
export class PostgresConnection extends Connection {
  private transports: Transport[] = [];
  private port: number | string = '';
  private host: string | undefined;
  private isInHandshake = false;

  constructor(private readonly tls: PostgresTls) {
    super({ ssl: false });
  }

  /** @param port or, without a host, the path of a Unix socket */
  connect(port: number | string, host?: string): void {
    // The driver reads this when it ends the connection.
    Reflect.set(this, '_connecting', true);
    // What a connection to another server has left.
    delete (this as Partial<this>).emit;
    this.isInHandshake = false;
    this.transports = [...TRANSPORTS[this.tls.mode]];
    this.port = port;
    this.host = host;
    this.tryNext(this.inside.stream);
  }

  protected get inside(): ConnectionPrivates {
    return this as unknown as ConnectionPrivates;
  }

  private tryNext(socket: Socket): void {
    const transport = this.transports.shift();
    this.useSocket(socket);
    socket.setNoDelay(true).setKeepAlive(true);
    socket.once('connect', () => {
      if (transport === 'plain') return this.login(socket);
      this.inside.requestSsl();
      socket.once('data', (answer) => this.onTlsAnswer(answer, socket));
    });
    if (this.host === undefined) socket.connect(String(this.port));
    else socket.connect(Number(this.port), this.host);
  }

  private onTlsAnswer(answer: Buffer, socket: Socket): void {
    // Further unencrypted bytes would be taken for encrypted ones (CVE-2021-23222).
    const word = answer.length === 1 ? answer.toString() : '';
    if (word === 'S') return this.encrypt(socket);
    if (word === 'N' && this.transports.shift()) return this.login(socket);
    const problem = word === 'N' ? `it has no TLS, and sslmode is ${this.tls.mode}` : 'it did not agree on TLS';
    socket.destroy(new Error(problem));
  }

  private encrypt(raw: Socket): void {
    const host = this.host ?? '';
    const servername = isIP(host) ? {} : { servername: host };
    this.isInHandshake = true;
    const socket = connectTls({ socket: raw, host, ...servername, ...this.tls.options });
    this.useSocket(socket);
    socket.once('secureConnect', () => {
      this.isInHandshake = false;
      this.login(socket);
    });
  }

  private login(socket: Socket): void {
    this.inside.attachListeners(socket);
    if (this.transports.length > 0) this.catchRefusal();
    this.emit('connect');
  }

  /** pg_hba.conf may admit this role only over the other transport, so a refused login is retried before the driver sees it. */
  private catchRefusal(): void {
    const emit = this.emit;
    this.emit = (event: string | symbol, ...values: unknown[]) => {
      const refused = event === 'errorMessage' && (values[0] as { code?: string }).code?.startsWith('28');
      if (refused || event === 'authenticationOk') delete (this as Partial<this>).emit;
      if (!refused) return emit.call(this, event, ...values);
      this.fallBack(values[0] as Error);
      return true;
    };
  }

  private fallBack(refusal: Error): void {
    const before = this.inside.stream;
    this.tryNext(new Socket());
    before.destroy();
    // If both are refused, the error is that of the preferred transport.
    const emit = this.emit;
    this.emit = (event: string | symbol, ...values: unknown[]) => {
      if (event === 'authenticationOk') this.emit = emit;
      if (event !== 'error' && event !== 'errorMessage') return emit.call(this, event, ...values);
      refusal.message += `; ${this.tls.mode === 'allow' ? 'with' : 'without'} TLS: ${(values[0] as Error).message}`;
      return emit.call(this, event, refusal);
    };
  }

  private useSocket(socket: Socket): void {
    this.inside.stream = socket;
    // Events of a replaced socket are ignored.
    socket.on('error', (error) => this.inside.stream === socket && this.onError(error));
    socket.on('close', () => this.inside.stream === socket && this.emit('end'));
  }

  private onError(error: Error & { code?: string }): void {
    const { isInHandshake } = this;
    this.isInHandshake = false;
    if (isInHandshake && this.transports.length > 0) return this.fallBack(error);
    // While the driver ends the connection, a closed peer is no error.
    if (Reflect.get(this, '_ending') && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) return;
    this.emit('error', error);
  }
}
