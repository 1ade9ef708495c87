/** The part of autocannon 8 that the benchmarks use; the package ships no types. */
declare module 'autocannon' {
  type State = Record<string, unknown>;

  interface Request {
    method: string;
    path: string;
    headers?: Record<string, string>;
    body?: string;
    setupRequest?(request: Request, state: State): Request;
    onResponse?(status: number, body: string, state: State): void;
  }

  interface Client {
    setHeaders(headers: Record<string, string>): void;
  }

  interface Options {
    url: string;
    connections: number;
    duration: number;
    overallRate?: number;
    /** Threads of its own that send the requests, which then hold no functions. */
    workers?: number;
    timeout?: number;
    requests: Request[];
    setupClient?(client: Client): void;
    verifyBody?(body: string): boolean;
  }

  interface Result {
    duration: number;
    errors: number;
    mismatches: number;
    requests: { total: number };
    latency: { p50: number; p99: number };
    statusCodeStats: Record<string, { count: number }>;
  }

  export default function autocannon(options: Options): Promise<Result>;
}
