import { Agent, request } from 'node:http';
import type { Target } from '../lib/process.js';

const agent = new Agent({ keepAlive: true });

interface Sent {
  token?: string;
  body?: unknown;
}

/** One request over a connection that stays open. Throws where the answer is not 2xx. */
export function send(target: Target, method: string, path: string, { token, body }: Sent = {}): Promise<string> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(payload && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(target.url + path, { method, headers, agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => {
        const status = answer.statusCode!;
        if (status >= 200 && status < 300) resolve(text);
        else reject(new Error(`${target.name} answered ${method} ${path} with ${status}: ${text.slice(0, 300)}`));
      });
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}
