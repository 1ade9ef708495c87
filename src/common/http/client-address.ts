import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Logger } from '../logging/logger.js';

export interface ClientAddress {
  ipAddress: string;
  /** The address is that of an untrusted proxy, which may stand for any number of clients. */
  behindProxy: boolean;
}

/** `ip`, `ip:port`, `[v6]` or `[v6]:port`. */
const ENTRY = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/;
/** RFC 1918, RFC 4193 and loopback addresses, which a proxy in the same network has. */
const PRIVATE_RANGES = new Set(['private', 'uniqueLocal', 'loopback']);
const MAX_LOGGED_CHARS = 64;
/** Between two warnings about unreadable entries: if the number of proxies is wrong, clients write the entries. */
const MIN_LOG_INTERVAL_MS = 60_000;

/** Maps `::ffff:192.0.2.1`, an IPv4 client on a dual-stack socket, to IPv4, and removes the zone of a link-local address. */
function normalAddress(address: string): string {
  if (!address.includes(':')) return address;
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

/** @returns null if the entry has none of the four forms */
function readForwarded(entry: string): string | null {
  const [, bracketed, plain] = ENTRY.exec(entry) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed) ? normalAddress(bracketed) : null;
  const address = normalAddress(plain ?? entry);
  return isIP(address) ? address : null;
}

/**
 * Finds the client's address. Proxies append to `X-Forwarded-For`, so only the right-most `hops` entries are trusted; clients
 * can forge those to the left.
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
      'X-Forwarded-For has no address at the place that TRUST_PROXY_HOPS names; the address of the connection is used',
    );
  }
}
