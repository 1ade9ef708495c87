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

  interface Options {
    url: string;
    connections: number;
    duration: number;
    overallRate?: number;
    /** Worker threads that send the requests, which then cannot contain functions. */
    workers?: number;
    timeout?: number;
    requests: Request[];
    setupClient?(client: { setHeaders(headers: Record<string, string>): void }): void;
    verifyBody?(body: string): boolean;
  }

  interface Result extends Record<'duration' | 'errors' | 'mismatches', number> {
    requests: { total: number };
    latency: { p50: number; p99: number };
    statusCodeStats: Record<string, { count: number }>;
  }

  export default function autocannon(options: Options): Promise<Result>;
}
