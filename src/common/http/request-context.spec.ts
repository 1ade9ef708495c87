import type { IncomingMessage } from 'node:http';
import { ClientAddresses } from './client-address.js';
import type { Logger } from '../logging/logger.js';
import { createRequestContext, requestId } from './request-context.js';

const request = (headers: Record<string, string>, remoteAddress: string | undefined = '10.0.0.1') =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage;
const direct = new ClientAddresses(0, null as unknown as Logger);

describe('the request id', () => {
  it.each(['a', 'Trace_1.2-3', 'x'.repeat(128)])('is the one of the client: %.20s', (id) => {
    expect(requestId(request({ 'x-request-id': id }))).toBe(id);
  });

  it.each(['', 'two words', 'x'.repeat(129), 'id\nforged log line', 'é'])('is generated for "%.20s"', (id) => {
    expect(requestId(request({ 'x-request-id': id }))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('the request context', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('contains the trace, and the user agent cut to the size of the column', () => {
    const context = createRequestContext(request({ traceparent, 'user-agent': 'x'.repeat(600) }), 'r-1', direct);
    expect(context).toEqual({
      requestId: 'r-1',
      acceptLanguage: null,
      traceparent,
      ipAddress: '10.0.0.1',
      behindProxy: false,
      userAgent: 'x'.repeat(500),
    });
  });

  it.each([
    ['missing', undefined],
    ['malformed', traceparent.toUpperCase()],
    ['of a version that is none', traceparent.replace('00-', 'ff-')],
    ['of no trace', traceparent.replace(/-[^-]{32}-/, `-${'0'.repeat(32)}-`)],
    ['of no parent', traceparent.replace(/-[^-]{16}-/, `-${'0'.repeat(16)}-`)],
  ])('starts a trace if that of the caller is %s', (_, given) => {
    const contexts = [1, 2].map(() =>
      createRequestContext(request(given ? { traceparent: given } : {}), 'r-1', direct),
    );
    for (const context of contexts) {
      expect(context.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      expect(context.userAgent).toBeNull();
    }
    expect(contexts[0]!.traceparent).not.toBe(contexts[1]!.traceparent);
  });
});
