import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from './instance.js';

export interface Call {
  /** Name in the tables. */
  operation: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  token?: string;
  body?: unknown;
}

/** `refused`: no connection; `broken`: closed without an answer; `timeout`: no answer within the gateway's timeout. */
export type Outcome = number | 'refused' | 'broken' | 'timeout';

/** Times in milliseconds of `performance.now()`. */
export interface Attempt {
  instance: number;
  from: number;
  to: number;
  outcome: Outcome;
  // Checks assert the shape; a type would hide a missing field.
  body: any;
}

const TIMEOUT_MS = 15_000;
/** Idle timeout, shorter than that of an instance, so that requests are not sent on a closed connection. */
const IDLE_MS = 30_000;
const MAX_ATTEMPTS = 3;

/** Calls the instances like Meetinity's gateway: round robin, with retries after a 5xx or a broken connection. */
export class Gateway {
  private readonly agents: Agent[];
  private turn = 0;

  constructor(private readonly instances: Instance[]) {
    this.agents = instances.map(() => new Agent({ keepAlive: true, maxSockets: 128, timeout: IDLE_MS }));
  }

  /**
   * @param check called for each attempt, with whether an earlier one may have succeeded
   * @returns the last attempt
   */
  async send(call: Call, check: (attempt: Attempt, doubt: boolean) => void, first = this.turn++): Promise<Attempt> {
    let doubt = false;
    for (let tries = 0; ; tries += 1) {
      const attempt = await this.once(call, (first + tries) % this.instances.length);
      check(attempt, doubt);
      const failed = typeof attempt.outcome === 'string' || attempt.outcome >= 500;
      if (!failed || tries === MAX_ATTEMPTS) return attempt;
      doubt ||= attempt.outcome !== 'refused';
      await sleep(100 * 2 ** tries);
    }
  }

  /** One request to one instance. */
  once({ method, path, token, body }: Call, instance: number): Promise<Attempt> {
    const from = performance.now();
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome, answer: unknown = null) => {
        clearTimeout(timer);
        resolve({ instance, from, to: performance.now(), outcome, body: answer });
      };
      const request = httpRequest(this.instances[instance]!.url + path, {
        method,
        agent: this.agents[instance],
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(payload ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) } : {}),
        },
      });
      const timer = setTimeout(() => {
        settle('timeout');
        request.destroy();
      }, TIMEOUT_MS);
      request.on('error', (error: NodeJS.ErrnoException) =>
        settle(error.code === 'ECONNREFUSED' ? 'refused' : 'broken'),
      );
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => settle('broken'));
        response.on('end', () => settle(response.statusCode!, parse(Buffer.concat(chunks).toString())));
      });
      request.end(payload);
    });
  }

  close(): void {
    for (const agent of this.agents) agent.destroy();
  }
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
