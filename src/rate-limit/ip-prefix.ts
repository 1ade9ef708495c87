import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { ClientAddress } from '../common/http/client-address.js';
import { mailboxOf } from '../common/dto/email-address.js';
import type { WorkOwner } from '../crypto/fair-queue.js';

/** What counts as one client: an IPv4 address, or the /64 that a single IPv6 customer has to itself. */
export function ipPrefix(address: string): string {
  if (!isIPv6(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const prefix = parsed.parts.slice(0, 4).map((part) => part.toString(16));
  return `${prefix.join(':')}::/64`;
}

/** The client in the keys of the limits. A proxy with unknown clients behind it has counts apart from its own requests. */
export function clientKey({ ipAddress, behindProxy }: ClientAddress): string {
  const network = ipPrefix(ipAddress);
  return behindProxy ? `behind ${network}` : network;
}

/** Whose turn a password takes in the queue of hashes. */
export const hashOwner = (context: ClientAddress, email: string): WorkOwner => ({
  client: clientKey(context),
  account: mailboxOf(email),
});
