import type { Fault } from './oidc-provider.js';

export function answering(status: number, body = ''): Fault {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

export const ok = (body: string) => answering(200, body);

/** A body that goes on by a byte now and then, and never ends. */
export const drip: Fault = (_, response) => {
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
};

/** A body as fast as it is read, and without end. */
export const flood: Fault = (_, response) => {
  const chunk = 'x'.repeat(65_536);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more).writeHead(200);
  more();
};
