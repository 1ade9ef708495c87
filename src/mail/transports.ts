import { once } from 'node:events';
import type { SendMailOptions, Transporter } from 'nodemailer';
import type { Mail } from './mail.js';

export interface MailTransport {
  /** @param date of the message; with its id, it marks a copy as the same message */
  send(mail: Mail, messageId: string, date: Date): Promise<void>;
  /** @throws Error if the mail server does not accept a connection and the login */
  probe(): Promise<void>;
  /** Deletes stored mail to an erased user, including mail that is being written. */
  erase(userId: string): Promise<void>;
  close(): void;
}

/** No message refers to files or URLs; this makes sure that none is read. */
const NO_EXTERNAL_CONTENT = { disableFileAccess: true, disableUrlAccess: true };

/** Loaded with the first message, not at the start. */
export const loadLibrary = () => import('nodemailer');

export function toOptions(mail: Mail, from: string, messageId: string, date: Date): SendMailOptions {
  return {
    from,
    // A string would be parsed as a list of addresses.
    to: { name: '', address: mail.to },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    messageId,
    date,
    // Prevents automatic replies (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...NO_EXTERNAL_CONTENT,
  };
}

const NON_ASCII_LOCAL_PART = /[^\0-\x7f][^\s<@]*@/;

/** The address has a non-ASCII local part and the server no SMTPUTF8; a domain has an ASCII form. */
export class SmtpUtf8Missing extends Error {
  readonly code = 'SMTPUTF8';
}

/**
 * Such an address must not be sent to a server without the extension (RFC 6531 §3.1): some deliver to another mailbox instead of
 * refusing it.
 */
async function requireSmtpUtf8(transporter: Transporter): Promise<void> {
  const { default: Connection } = await import('nodemailer/lib/smtp-connection');
  const connection = new Connection(transporter.options);
  // An unhandled second error would end the process.
  connection.on('error', () => undefined);
  try {
    await Promise.all([once(connection, 'connect'), connection.connect()]);
    // Private in nodemailer 10.6.0, which sends the address anyway and has no option to prevent it.
    const { _supportedExtensions: extensions } = connection as unknown as { _supportedExtensions: string[] };
    if (!extensions.includes('SMTPUTF8')) throw new SmtpUtf8Missing('the mail server does not offer SMTPUTF8');
  } finally {
    connection.quit();
  }
}

/** A pool of SMTP connections. Times in milliseconds; the query of SMTP_URL overrides them. */
export class SmtpTransport implements MailTransport {
  private transporter: Promise<Transporter> | null = null;

  constructor(
    private readonly url: string,
    private readonly from: string,
    private readonly connections: number,
  ) {}

  async probe(): Promise<void> {
    await (await (this.transporter ??= this.createTransporter())).verify();
  }

  async send(mail: Mail, messageId: string, date: Date): Promise<void> {
    this.transporter ??= this.createTransporter();
    const transporter = await this.transporter;
    if (NON_ASCII_LOCAL_PART.test(mail.to) || NON_ASCII_LOCAL_PART.test(this.from)) await requireSmtpUtf8(transporter);
    await transporter.sendMail(toOptions(mail, this.from, messageId, date));
  }

  async erase(): Promise<void> {}

  close(): void {
    void this.transporter?.then((transporter) => transporter.close());
  }

  private async createTransporter(): Promise<Transporter> {
    const { createTransport } = await loadLibrary();
    return createTransport({
      url: this.url,
      pool: true,
      maxConnections: this.connections,
      // The queue retries, counts and logs.
      maxRequeues: 0,
      connectionTimeout: 5000,
      greetingTimeout: 5000,
      socketTimeout: 15_000,
      idleTimeout: 30_000,
      ...NO_EXTERNAL_CONTENT,
    } as never);
  }
}
