import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { ClientAddress } from '../common/http/client-address.js';
import { mailboxOf } from '../common/dto/email-address.js';
import type { WorkOwner } from '../crypto/fair-queue.js';

/** The IPv4 address or the IPv6 /64 prefix, the size of one customer's network. */
export function ipPrefix(address: string): string {
  if (!isIPv6(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const prefix = parsed.parts.slice(0, 4).map((part) => part.toString(16));
  return `${prefix.join(':')}::/64`;
}

/** The client in the keys of the limits. Unknown clients behind a proxy are counted apart from the proxy's own requests. */
export function clientKey({ ipAddress, behindProxy }: ClientAddress): string {
  const network = ipPrefix(ipAddress);
  return behindProxy ? `behind ${network}` : network;
}

/** The owner of a password check in the queue of hashes. */
export const hashOwner = (context: ClientAddress, email: string): WorkOwner => ({
  client: clientKey(context),
  account: mailboxOf(email),
});
