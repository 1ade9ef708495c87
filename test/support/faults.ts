import type { Fault } from './oidc-provider.js';

export function answering(status: number, body = ''): Fault {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

export const ok = (body: string) => answering(200, body);

/** An endless body, a byte at a time. */
export const drip: Fault = (_, response) => {
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
};

/** An endless body, as fast as it is read. */
export const flood: Fault = (_, response) => {
  const chunk = 'x'.repeat(65_536);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more).writeHead(200);
  more();
};
