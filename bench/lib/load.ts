import { cpuSeconds, Target } from './process.js';

type State = Record<string, unknown>;

/** The request that a client connection repeats. */
export interface Script {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  /** Headers of connection number `index`. */
  headers?(index: number): Record<string, string>;
  /** Body of the next request of connection number `index`; `state` is the connection's own. */
  body?(index: number, state: State): unknown;
  /** Checks an answer; false if it is wrong. */
  check(body: string, state: State): boolean;
}

export interface Measured {
  /** Requests per second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** CPU time of the server per request, microseconds. */
  cpuMicros: number;
}

interface Options {
  seconds: number;
  connections?: number;
  /** Requests per second of all connections; unset means as fast as possible. */
  overallRate?: number;
}

/** Runs one script against one server; any unexpected status or body fails the run. */
export async function load(target: Target, script: Script, options: Options): Promise<Measured> {
  const { seconds, connections = 16, overallRate } = options;
  const { method, path } = script;
  const { default: autocannon } = await import('autocannon');
  const before = cpuSeconds(target.pid);
  const result = await autocannon({
    url: target.url,
    connections,
    duration: seconds,
    timeout: 15,
    ...(overallRate ? { overallRate } : {}),
    ...(script.body ? withBodies(script) : withHeaders(script)),
  });
  const cpu = cpuSeconds(target.pid) - before;
  if (
    Object.keys(result.statusCodeStats).some((code) => !code.startsWith('2')) ||
    result.errors > 0 ||
    result.mismatches > 0
  )
    throw new Error(
      `${target.name} answered ${method} ${path} wrongly: statuses ${JSON.stringify(result.statusCodeStats)}, ` +
        `${result.errors} errors, ${result.mismatches} unexpected bodies`,
    );
  const { p50, p99 } = result.latency;
  const { total } = result.requests;
  return { rate: total / result.duration, p50, p99, cpuMicros: (cpu / total) * 1e6 };
}

/** Requests that never change are written once per connection. */
function withHeaders({ method, path, headers, check }: Script) {
  let index = 0;
  let sampled = 0;
  return {
    requests: [{ method, path }],
    setupClient: (client: { setHeaders(headers: Record<string, string>): void }) =>
      client.setHeaders(headers?.(index++) ?? {}),
    // A sample: checking every body would measure the load generator.
    verifyBody: (body: string) => sampled++ % 50 !== 0 || check(body, {}),
  };
}

function withBodies({ method, path, headers, body, check }: Script) {
  let connections = 0;
  let mismatch = false;
  return {
    requests: [
      {
        method,
        path,
        setupRequest: (request: { method: string; path: string }, state: State) => {
          const index = (state.index ??= connections++) as number;
          return {
            ...request,
            headers: { ...headers?.(index), 'content-type': 'application/json' },
            body: JSON.stringify(body!(index, state)),
          };
        },
        onResponse: (status: number, text: string, state: State) => {
          if (status < 300 && !check(text, state)) mismatch = true;
        },
      },
    ],
    verifyBody: () => !mismatch,
  };
}
