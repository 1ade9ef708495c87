import { SmtpUtf8Missing } from './transports.js';

export interface SendError {
  name?: string;
  message: string;
  code?: string;
  /** The code of the system or of TLS, if `code` is the library's. */
  originalCode?: string;
  responseCode?: number;
}

/** Node's codes for an invalid certificate; these messages name hosts and issuers, never a recipient. */
const CERTIFICATE_CODES = /CERT|SIGNATURE|CRL|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/;

/** A 5yz reply is permanent (RFC 5321 §4.2.1), except a refused login, which the operator may correct. */
export const isFinal = (error: SendError) =>
  error instanceof SmtpUtf8Missing || ((error.responseCode ?? 0) >= 500 && error.code !== 'EAUTH');

export function explain(error: SendError): string | undefined {
  if (error instanceof SmtpUtf8Missing) return error.message;
  if (!CERTIFICATE_CODES.test(error.originalCode ?? '')) return undefined;
  return `the certificate of the mail server (SMTP_URL) failed: ${error.message}`;
}
