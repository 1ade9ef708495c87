import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { readCertificates, readPemFile } from './certificates.js';
import { SettingsError } from './env-reader.js';

/** Meanings: https://www.postgresql.org/docs/15/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** For URLs without TLS parameters. */
export interface SslDefaults {
  mode: SslMode;
  /** Certificates in PEM form. */
  ca: string | null;
}

export interface PostgresTls {
  mode: SslMode;
  options: ConnectionOptions;
}

/** Removed from the URL once read: the driver interprets some of them differently. */
const PARAMETERS = ['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat'];

export function withoutTlsParameters(address: string): string {
  const url = new URL(address);
  for (const name of PARAMETERS) url.searchParams.delete(name);
  return url.href;
}

/**
 * TLS options of a PostgreSQL URL by the rules of libpq, including its files in the home folder.
 * @param name the variable that holds the address
 * @throws SettingsError
 */
export function readPostgresTls(name: string, address: string, defaults: SslDefaults): PostgresTls {
  const { hostname, searchParams } = new URL(address);
  // libpq never encrypts Unix sockets.
  if ((searchParams.get('host') ?? decodeURIComponent(hostname)).startsWith('/'))
    return { mode: 'disable', options: {} };
  const mode = readMode(name, searchParams) ?? defaults.mode;
  const [cert, key] = readClientCertificate(name, searchParams);
  const ca = readRoots(name, searchParams, defaults);
  if (mode === 'verify-ca' && ca === undefined)
    throw new SettingsError(
      `${name} must name the certificate authority (sslrootcert, or DATABASE_SSL_CA) with sslmode=verify-ca`,
    );
  // Without a root certificate only verify-full verifies the server, by the public authorities that Node.js knows.
  const verifies = ca !== undefined || mode === 'verify-full';
  return {
    mode,
    options: {
      ca,
      cert,
      key,
      rejectUnauthorized: verifies,
      ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    },
  };
}

function readMode(name: string, parameters: URLSearchParams): SslMode | undefined {
  // libpq accepts JDBC's `ssl=true` in URLs.
  const value = parameters.get('sslmode') ?? (parameters.get('ssl') === 'true' ? 'require' : null);
  if (value === null) return undefined;
  const mode = SSL_MODES.find((known) => known === value);
  if (!mode) throw new SettingsError(`${name} must have an sslmode of ${SSL_MODES.join(', ')}, not "${value}"`);
  return mode;
}

/** @returns undefined for no verification or the public authorities, as the mode says */
function readRoots(name: string, parameters: URLSearchParams, { ca }: SslDefaults): string | undefined {
  const file = parameters.get('sslrootcert');
  if (file === 'system') return undefined;
  if (file) return readCertificates(`${name}: sslrootcert`, file);
  const homeRoot = homeFile('root.crt');
  return ca ?? (homeRoot === undefined ? undefined : readCertificates(homeRoot, homeRoot));
}

function readClientCertificate(name: string, parameters: URLSearchParams): (string | undefined)[] {
  const cert = parameters.get('sslcert') ?? homeFile('postgresql.crt');
  if (cert === undefined) return [];
  const key = parameters.get('sslkey') ?? homeFile('postgresql.key');
  if (key === undefined) throw new SettingsError(`${name} must name the sslkey that belongs to its sslcert`);
  return [readPemFile(`${name}: sslcert`, cert), readPemFile(`${name}: sslkey`, key)];
}

function homeFile(name: string): string | undefined {
  const file = path.join(homedir(), '.postgresql', name);
  return existsSync(file) ? file : undefined;
}
