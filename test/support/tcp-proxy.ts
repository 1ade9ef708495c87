import { AddressInfo, connect, createServer, Server, Socket } from 'node:net';

/** A TCP proxy that simulates network faults between the service and a server. */
export class TcpProxy {
  private readonly pairs = new Set<[Socket, Socket]>();
  private refusing = false;
  private frozen = false;
  /** Delay of every chunk in both directions, milliseconds. */
  delay = 0;

  private constructor(
    private readonly server: Server,
    private target: URL,
  ) {}

  /** @param port where to listen; without it a free one */
  static async before(url: string, port = 0): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new TcpProxy(server, new URL(url));
    server.on('connection', (socket) => proxy.accept(socket));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The target's URL through this proxy. */
  get url(): string {
    const url = new URL(this.target.href);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** Closes open and new connections at once, like a server that died. */
  cut(): void {
    this.refusing = true;
    for (const pair of this.pairs) this.close(pair);
  }

  /** Keeps connections open and forwards nothing, like a host that hangs. */
  freeze(): void {
    this.frozen = true;
    this.freezeOpen();
  }

  /** Freezes open connections and serves new ones, like an address that moved away from a host that hangs. */
  freezeOpen(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  /** Sends new connections to another server and keeps open ones, like a DNS change. */
  moveTo(url: string): void {
    this.target = new URL(url);
  }

  /** Ends all faults; frozen data arrives now. */
  restore(): void {
    this.refusing = false;
    this.frozen = false;
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    if (this.refusing) return void client.resetAndDestroy();
    const upstream = connect({ port: Number(this.target.port), host: this.target.hostname, allowHalfOpen: true });
    const pair: [Socket, Socket] = [client, upstream];
    this.pairs.add(pair);
    this.pass(client, upstream);
    this.pass(upstream, client);
    for (const socket of pair) {
      socket.setNoDelay(true);
      if (this.frozen) socket.pause();
      socket.on('error', () => this.close(pair));
      socket.on('close', () => (socket.readableEnded ? this.forget(pair) : this.close(pair)));
    }
  }

  private pass(from: Socket, to: Socket): void {
    // One queue keeps the order of chunks when the delay gets shorter.
    const queue: { due: number; action: () => void }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const pump = () => {
      timer = undefined;
      while (queue.length > 0 && queue[0]!.due <= performance.now()) queue.shift()!.action();
      if (queue.length > 0) timer = setTimeout(pump, Math.max(1, queue[0]!.due - performance.now()));
    };
    const later = (action: () => void) => {
      queue.push({ due: performance.now() + this.delay, action });
      if (!timer) pump();
    };
    from.on('data', (chunk) => later(() => to.writable && to.write(chunk)));
    from.on('end', () => later(() => to.end()));
  }

  private forget(pair: [Socket, Socket]): void {
    if (pair.every((socket) => socket.destroyed)) this.pairs.delete(pair);
  }

  private close(pair: [Socket, Socket]): void {
    this.pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  }
}
