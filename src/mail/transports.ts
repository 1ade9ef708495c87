import { once } from 'node:events';
import type { SendMailOptions, Transporter } from 'nodemailer';
import type { Mail } from './mail.js';

/** Carries one message; rejects where it could not. */
export interface MailTransport {
  send(mail: Mail, messageId: string): Promise<void>;
  /** Removes what it keeps of mail to a user who is being erased, also what is written at this moment. */
  erase(userId: string): Promise<void>;
  close(): void;
}

/** Messages never name files or addresses to be read; should one, nothing is read. */
const NO_READING = { disableFileAccess: true, disableUrlAccess: true };

/** With the first message, not with every start. */
export const loadLibrary = () => import('nodemailer');

export function toOptions(mail: Mail, from: string, messageId: string): SendMailOptions {
  return {
    from,
    // An object, not text: text would be read as a list of addresses.
    to: { name: '', address: mail.to },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    messageId,
    // RFC 3834: keeps holiday replies away.
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...NO_READING,
  };
}

const NON_ASCII_LOCAL_PART = /[^\0-\x7f][^\s<@]*@/;

/** An address that only a server with SMTPUTF8 can deliver to; a domain has an ASCII form. */
export class SmtpUtf8Missing extends Error {
  readonly code = 'SMTPUTF8';
}

/**
 * RFC 6531 §3.1: such an address must not be offered to a server that does not announce the extension. Not all servers refuse
 * it: some deliver to another mailbox.
 */
async function requireSmtpUtf8(transporter: Transporter): Promise<void> {
  const { default: Connection } = await import('nodemailer/lib/smtp-connection');
  const connection = new Connection(transporter.options);
  // One after the first would otherwise end the process.
  connection.on('error', () => undefined);
  try {
    // An error that comes before the event rejects this.
    await Promise.all([once(connection, 'connect'), connection.connect()]);
    // Private in nodemailer 10.6, which sends the address all the same and has no option against it.
    const { _supportedExtensions: extensions } = connection as unknown as { _supportedExtensions: string[] };
    if (!extensions.includes('SMTPUTF8')) throw new SmtpUtf8Missing('the mail server does not offer SMTPUTF8');
  } finally {
    connection.quit();
  }
}

/** A pool of connections to the mail server. Times in milliseconds; what SMTP_URL says in its query wins. */
export class SmtpTransport implements MailTransport {
  private transporter: Promise<Transporter> | null = null;

  constructor(
    private readonly url: string,
    private readonly from: string,
    private readonly connections: number,
  ) {}

  async send(mail: Mail, messageId: string): Promise<void> {
    this.transporter ??= this.open();
    const transporter = await this.transporter;
    if (NON_ASCII_LOCAL_PART.test(mail.to) || NON_ASCII_LOCAL_PART.test(this.from)) await requireSmtpUtf8(transporter);
    await transporter.sendMail(toOptions(mail, this.from, messageId));
  }

  async erase(): Promise<void> {}

  close(): void {
    void this.transporter?.then((transporter) => transporter.close());
  }

  private async open(): Promise<Transporter> {
    const { createTransport } = await loadLibrary();
    return createTransport({
      url: this.url,
      pool: true,
      maxConnections: this.connections,
      // Retries are the queue's, which counts and logs them.
      maxRequeues: 0,
      connectionTimeout: 5000,
      greetingTimeout: 5000,
      socketTimeout: 15_000,
      idleTimeout: 30_000,
      ...NO_READING,
    } as never);
  }
}
