import type { IncomingMessage } from 'node:http';
import { clientAddress, makeContext, requestId } from './request-context.js';

const request = (headers: Record<string, string>, remoteAddress: string | undefined = '10.0.0.1') =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage;
const forwarded = (value: string, peer?: string) => request({ 'x-forwarded-for': value }, peer);

describe('the address of the client', () => {
  it('is the peer where no proxy is trusted, whatever the header claims', () => {
    expect(clientAddress(forwarded('198.51.100.7'), 0)).toBe('10.0.0.1');
  });

  it.each([
    ['198.51.100.7', 1, '198.51.100.7'],
    ['203.0.113.9, 198.51.100.7', 1, '198.51.100.7'],
    ['203.0.113.9, 198.51.100.7, 10.1.1.1', 2, '198.51.100.7'],
    [' 203.0.113.9 ,198.51.100.7 ', 2, '203.0.113.9'],
    ['2001:db8::7', 1, '2001:db8::7'],
    ['::ffff:198.51.100.7', 1, '198.51.100.7'],
  ])('is in "%s" behind %i proxies %s', (value, hops, address) => {
    expect(clientAddress(forwarded(value), hops)).toBe(address);
  });

  it('is the left-most entry where there are fewer than trusted proxies', () => {
    expect(clientAddress(forwarded('198.51.100.7'), 3)).toBe('198.51.100.7');
  });

  it.each(['', ' ', 'unknown', '198.51.100.7,', '198.51.100.7:4711', "1.1.1.1'; DROP TABLE users"])(
    'is the peer where the entry is "%s"',
    (value) => expect(clientAddress(forwarded(value), 1)).toBe('10.0.0.1'),
  );

  it('is the peer where the proxy sent no header', () => expect(clientAddress(request({}), 1)).toBe('10.0.0.1'));

  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
  ])('loses the spelling of the socket: %s', (peer, address) => {
    expect(clientAddress(request({}, peer), 0)).toBe(address);
  });
});

describe('the id of a request', () => {
  it.each(['a', 'Trace_1.2-3', 'x'.repeat(128)])('is taken over: %.20s', (id) => {
    expect(requestId(request({ 'x-request-id': id }))).toBe(id);
  });

  it.each(['', 'two words', 'x'.repeat(129), 'id\nforged log line', 'é'])('is made anew for "%.20s"', (id) => {
    expect(requestId(request({ 'x-request-id': id }))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('the context of a request', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('carries trace and user agent, the latter cut to what the column holds', () => {
    const context = makeContext(request({ traceparent, 'user-agent': 'x'.repeat(600) }), 'r-1', 0);
    expect(context).toEqual({ requestId: 'r-1', traceparent, ipAddress: '10.0.0.1', userAgent: 'x'.repeat(500) });
  });

  it.each([
    ['missing', undefined],
    ['malformed', traceparent.toUpperCase()],
    ['of a version that is none', traceparent.replace('00-', 'ff-')],
    ['of no trace', traceparent.replace(/-[^-]{32}-/, `-${'0'.repeat(32)}-`)],
    ['of no parent', traceparent.replace(/-[^-]{16}-/, `-${'0'.repeat(16)}-`)],
  ])('begins a trace where that of the caller is %s', (_, given) => {
    const contexts = [1, 2].map(() => makeContext(request(given ? { traceparent: given } : {}), 'r-1', 0));
    for (const context of contexts) {
      expect(context.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      expect(context.userAgent).toBeNull();
    }
    expect(contexts[0]!.traceparent).not.toBe(contexts[1]!.traceparent);
  });
});
