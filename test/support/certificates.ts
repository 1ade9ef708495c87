import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onPath } from '../../scripts/services/tools.js';

/** Null if openssl is installed, else the reason to skip. */
export const noCertificates = onPath('openssl') ? null : 'no openssl on the PATH';

export interface Certificate {
  cert: string;
  key: string;
}

/** A private certificate authority of one spec, in files. */
export class CertificateAuthority {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'meetinity-ca-'));
  /** Path of its own certificate. */
  readonly cert = path.join(this.folder, 'ca.crt');
  private readonly key = path.join(this.folder, 'ca.key');

  constructor(name = 'Spec Authority') {
    // Servers run under other accounts.
    chmodSync(this.folder, 0o755);
    const made = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', this.key, '-out', this.cert];
    openssl('req', '-x509', ...made, '-subj', `/CN=${name}`);
  }

  get pem(): string {
    return readFileSync(this.cert, 'utf8');
  }

  /** @param alternative such as `DNS:localhost`; without it the certificate is one of a client */
  issue(commonName: string, alternative?: string): Certificate {
    const folder = path.join(this.folder, commonName);
    mkdirSync(folder);
    const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((end) =>
      path.join(folder, `own.${end}`),
    ) as [string, string, string, string];
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', request, '-subj', `/CN=${commonName}`);
    writeFileSync(extensions, alternative ? `subjectAltName=${alternative}\n` : '');
    const authority = ['-CA', this.cert, '-CAkey', this.key, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...authority, '-days', '2', '-extfile', extensions, '-out', cert);
    chmodSync(key, 0o600);
    return { cert, key };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
