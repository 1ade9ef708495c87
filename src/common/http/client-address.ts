import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Logger } from '../logging/logger.js';

export interface ClientAddress {
  ipAddress: string;
  /** The address is that of a proxy whose header is not trusted: any number of clients may stand behind it. */
  behindProxy: boolean;
}

/** `ip`, `ip:port`, `[v6]` or `[v6]:port`; IPv6 without brackets has no port. */
const ENTRY = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/;
/** RFC 1918, RFC 4193, and this machine: where proxies stand. */
const PRIVATE_RANGES = new Set(['private', 'uniqueLocal', 'loopback']);
const MAX_LOGGED_CHARS = 64;
/** Between two lines about entries that cannot be read: the client writes them where the number of proxies is wrong. */
const MIN_LOG_INTERVAL_MS = 60_000;

/** An IPv4 client on a dual-stack socket shows as `::ffff:192.0.2.1`; a zone means nothing to anybody else. */
export function normalAddress(address: string): string {
  if (!address.includes(':')) return address;
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

/** @returns null for what is none of the four forms */
export function readForwarded(entry: string): string | null {
  const [, bracketed, plain] = ENTRY.exec(entry) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed) ? normalAddress(bracketed) : null;
  const address = normalAddress(plain ?? entry);
  return isIP(address) ? address : null;
}

/**
 * Finds the address of the client. Proxies append to `X-Forwarded-For`, so only the right-most `hops` entries were written by
 * ours; everything to their left is the client's own claim.
 */
export class ClientAddresses {
  private hasWarned = false;
  private nextLogMs = 0;

  constructor(
    private readonly hops: number,
    private readonly logger: Logger,
  ) {}

  of({ socket, headers }: IncomingMessage): ClientAddress {
    const peer = normalAddress(socket.remoteAddress ?? '0.0.0.0');
    const forwarded = headers['x-forwarded-for'];
    if (forwarded === undefined) return { ipAddress: peer, behindProxy: false };
    if (this.hops === 0) return { ipAddress: peer, behindProxy: this.isUntrustedProxy(peer) };
    const entries = String(forwarded).split(',');
    const entry = entries[Math.max(0, entries.length - this.hops)]!.trim();
    const address = readForwarded(entry);
    if (address === null) this.logUnreadable(entry);
    return { ipAddress: address ?? peer, behindProxy: false };
  }

  private isUntrustedProxy(peer: string): boolean {
    if (isIP(peer) === 0 || !PRIVATE_RANGES.has(ipaddr.parse(peer).range())) return false;
    if (!this.hasWarned)
      this.logger.warn(
        { peer },
        'X-Forwarded-For arrives from a private address while TRUST_PROXY_HOPS is 0: clients behind the proxy cannot be told ' +
          'apart, so limits by client address are relaxed. Set TRUST_PROXY_HOPS to the number of proxies.',
      );
    this.hasWarned = true;
    return true;
  }

  private logUnreadable(entry: string): void {
    if (performance.now() < this.nextLogMs) return;
    this.nextLogMs = performance.now() + MIN_LOG_INTERVAL_MS;
    this.logger.warn(
      { entry: entry.slice(0, MAX_LOGGED_CHARS) },
      'X-Forwarded-For has no address where TRUST_PROXY_HOPS says that one stands; the address of the connection is used',
    );
  }
}
