import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsError } from './env-reader.js';

/** PEM certificates, given as text or as the path of a file. @param name of the variable, for the error */
export function readCertificates(name: string, value: string): string {
  // Some platforms store a line break in a variable as a backslash and an n.
  const text = value.includes('-----BEGIN') ? value.replaceAll('\\n', '\n') : readPemFile(name, value);
  if (!isCertificate(text))
    throw new SettingsError(`${name} must be a certificate in PEM form, or the path of a file with one`);
  return text;
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

export function readPemFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingsError(`${name} must name a file that can be read (${(error as Error).message})`);
  }
}
