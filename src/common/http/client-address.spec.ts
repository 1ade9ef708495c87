import type { IncomingMessage } from 'node:http';
import { ClientAddresses } from './client-address.js';
import type { Logger } from '../logging/logger.js';

const request = (headers: Record<string, string>, remoteAddress: string | undefined = '10.0.0.1') =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage;
const forwarded = (value: string, peer?: string) => request({ 'x-forwarded-for': value }, peer);
const logger = { warn: () => undefined } as unknown as Logger;
const addressOf = (message: IncomingMessage, hops: number) => new ClientAddresses(hops, logger).of(message).ipAddress;

describe('the client address', () => {
  it('is the peer if no proxy is trusted', () => {
    expect(addressOf(forwarded('198.51.100.7'), 0)).toBe('10.0.0.1');
  });

  it.each([
    ['198.51.100.7', 1, '198.51.100.7'],
    ['203.0.113.9, 198.51.100.7', 1, '198.51.100.7'],
    ['203.0.113.9, 198.51.100.7, 10.1.1.1', 2, '198.51.100.7'],
    [' 203.0.113.9 ,198.51.100.7 ', 2, '203.0.113.9'],
    ['2001:db8::7', 1, '2001:db8::7'],
    ['::ffff:198.51.100.7', 1, '198.51.100.7'],
    ['198.51.100.7:4711', 1, '198.51.100.7'],
    ['[2001:db8::7]', 1, '2001:db8::7'],
    ['[2001:db8::7]:4711, 10.1.1.1:80', 2, '2001:db8::7'],
    ['[::ffff:198.51.100.7]:4711', 1, '198.51.100.7'],
  ])('is in "%s" behind %i proxies %s', (value, hops, address) => {
    expect(addressOf(forwarded(value), hops)).toBe(address);
  });

  it('is the left-most entry if there are fewer entries than trusted proxies', () => {
    expect(addressOf(forwarded('198.51.100.7'), 3)).toBe('198.51.100.7');
  });

  it.each([
    '',
    ' ',
    'unknown',
    '198.51.100.7,',
    '198.51.100.7:',
    '1.2',
    '010.1.1.1',
    '0x7f.1',
    '[198.51.100.7]',
    '[2001:db8::7',
    "1.1.1.1'; DROP TABLE users",
  ])('is the peer if the entry is "%s"', (value) => expect(addressOf(forwarded(value), 1)).toBe('10.0.0.1'));

  it('is the peer if the proxy sent no header', () => expect(addressOf(request({}), 1)).toBe('10.0.0.1'));

  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
  ])('is normalized if the socket reports %s', (peer, address) => {
    expect(addressOf(request({}, peer), 0)).toBe(address);
  });
});
