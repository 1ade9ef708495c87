import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsError } from './env-reader.js';

/**
 * Certificates in PEM form: the text itself, or the path of a file that holds it.
 * @param name of the variable or parameter, for the message
 */
export function readCertificates(name: string, value: string): string {
  // Some platforms keep no line breaks in a variable and write them as two characters.
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
