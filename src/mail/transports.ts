import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SendMailOptions, Transporter } from 'nodemailer';
import type { Logger } from '../common/logger.js';
import type { Settings } from '../config/settings.js';
import type { Mail } from './mail.js';

/** Carries one message; rejects where it could not. */
export interface MailTransport {
  send(mail: Mail, messageId: string): Promise<void>;
  close(): void;
}

/** Messages never name files or addresses to be read; should one, nothing is read. */
const NO_READING = { disableFileAccess: true, disableUrlAccess: true };

/** With the first message, not with every start. */
const loadLibrary = () => import('nodemailer');

function toOptions(mail: Mail, from: string, messageId: string): SendMailOptions {
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
    await (await this.transporter).sendMail(toOptions(mail, this.from, messageId));
  }

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

/** Where there is no mail server: each message becomes a file that mail programs open. */
export class FileTransport implements MailTransport {
  constructor(
    private readonly settings: Settings,
    private readonly logger: Logger,
  ) {}

  async send(mail: Mail, messageId: string): Promise<void> {
    const { from, directory } = this.settings.mail;
    const { createTransport } = await loadLibrary();
    const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
    const { message } = await composer.sendMail(toOptions(mail, from, messageId));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const moment = new Date().toISOString().replaceAll(':', '-');
    const file = join(directory, `${moment}-${mail.kind}-${randomUUID().slice(0, 8)}.eml`);
    await writeFile(file, message as Buffer, { mode: 0o600 });
    // A link opens an account, so in production it stands in no log.
    const link = this.settings.production ? undefined : (mail.link ?? undefined);
    this.logger.info({ mail: mail.kind, user_id: mail.userId, file, link }, 'mail written to a file');
  }

  close(): void {}
}
