import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Instance } from '../instance.js';

/** Interval of readiness checks. */
const PROBE_MS = 500;

/** A round-robin proxy that skips instances that are not ready and does not retry. */
export class Balancer {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly server = createServer((request, response) => this.pass(request, response));
  private readonly ready: boolean[];
  private readonly timer: NodeJS.Timeout;
  private turn = 0;

  private constructor(private readonly instances: Instance[]) {
    this.ready = instances.map(() => true);
    this.timer = setInterval(() => instances.forEach((_, n) => void this.probe(n)), PROBE_MS);
  }

  static async before(instances: Instance[]): Promise<Balancer> {
    const balancer = new Balancer(instances);
    await new Promise<void>((resolve) => balancer.server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  isReady(index: number): boolean {
    return this.ready[index]!;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    this.agent.destroy();
  }

  private async probe(index: number): Promise<void> {
    const url = `${this.instances[index]!.url}/ready`;
    this.ready[index] = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    const open = this.instances.filter((_, n) => this.ready[n]);
    const target = open[this.turn++ % open.length];
    if (!target) return void response.writeHead(502).end();
    const { method, url, headers } = request;
    const onward = httpRequest(target.url + url, { method, headers, agent: this.agent }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    request.pipe(onward);
  }
}
