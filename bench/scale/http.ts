import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Target } from '../lib/process.js';

const agent = new Agent({ keepAlive: true });

interface Sent {
  token?: string;
  body?: unknown;
}

/** A request over a persistent connection. @throws Error for a status other than 2xx */
export async function send(target: Target, method: string, path: string, { token, body }: Sent = {}): Promise<string> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(payload && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
  };
  const outgoing = request(target.url + path, { method, headers, agent }).end(payload);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const received = await text(answer);
  if (answer.statusCode! < 300) return received;
  throw new Error(`${target.name} answered ${method} ${path} with ${answer.statusCode}: ${received.slice(0, 300)}`);
}
