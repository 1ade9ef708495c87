import { SettingsError } from './env-reader.js';

export interface PostgresHost {
  host: string;
  port: number;
}

export interface PostgresHosts {
  /** In the order in which they are tried; empty host or path of a socket: only alone. */
  hosts: PostgresHost[];
  /** target_session_attrs=read-write: a server that takes no writes is passed over. */
  readWrite: boolean;
}

/** Up to the hosts; the hosts; the rest. */
const LIST = /^(postgresql:\/\/(?:[^/?#]*@)?)([^/?#@]*,[^/?#@]*)(.*)$/s;
const LIST_ENTRY = /^(\[[^\]]+\]|[^:]+)(?::(\d*))?$/;

/**
 * Moves the list of `postgresql://one:5432,two:5432/name`, which is no URL, into libpq's parameters `host` and `port`.
 * @returns anything else unchanged
 */
export function withHostParameters(address: string): string {
  const [, start, list, rest] = LIST.exec(address) ?? [];
  const entries = list?.split(',').map((entry) => LIST_ENTRY.exec(entry));
  const url = `${start}${list?.split(',')[0]}${rest}`;
  if (!entries?.every((entry) => entry !== null) || !URL.canParse(url)) return address;
  const parsed = new URL(url);
  parsed.searchParams.set('host', entries.map((entry) => entry[1]).join(','));
  parsed.searchParams.set('port', entries.map((entry) => entry[2] ?? '').join(','));
  return parsed.href;
}

/**
 * The servers of an address, by the rules of libpq (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS).
 * @param name the variable that holds the address
 * @throws SettingsError
 */
export function readPostgresHosts(name: string, address: string): PostgresHosts {
  const { hostname, port, searchParams } = new URL(address);
  const names = (searchParams.get('host') ?? decodeURIComponent(hostname)).split(',');
  const ports = (searchParams.get('port') ?? port).split(',');
  const target = searchParams.get('target_session_attrs') ?? 'any';
  const readWrite = target === 'read-write';
  if (!readWrite && target !== 'any')
    throw new SettingsError(`${name} must have a target_session_attrs of any or read-write, not "${target}"`);
  const hosts = names.map((host, n) => ({ host, port: Number(ports[ports.length === 1 ? 0 : n] || 5432) }));
  if (
    (ports.length > 1 && ports.length !== names.length) ||
    !hosts.every((entry) => Number.isInteger(entry.port) && entry.port > 0 && entry.port < 65_536)
  )
    throw new SettingsError(`${name} must have one port from 1 to 65535, or one for each host`);
  if ((hosts.length > 1 || readWrite) && hosts.some(({ host }) => host === '' || host.startsWith('/')))
    throw new SettingsError(
      `${name} must name each host, without sockets, where it has a list or target_session_attrs`,
    );
  // Writes would fail on connections to a standby.
  if (hosts.length > 1 && !readWrite && name !== 'DATABASE_REPLICA_URL')
    throw new SettingsError(`${name} must have target_session_attrs=read-write, because it names several hosts`);
  return { hosts, readWrite };
}

/** Removes what the driver does not know. */
export function withoutHostParameters(address: string, { hosts }: PostgresHosts): string {
  const url = new URL(address);
  for (const name of hosts.length > 1 ? ['host', 'port', 'target_session_attrs'] : ['target_session_attrs'])
    url.searchParams.delete(name);
  return url.href;
}
