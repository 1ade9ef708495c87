import { randomUUID } from 'node:crypto';
import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { mails, mailsWaiting } from '../common/logging/metrics.js';
import { TaskQueue } from '../common/concurrency/task-queue.js';
import { Settings } from '../config/settings.js';
import type { Mail, MailKind } from './mail.js';
import { FileTransport } from './file-transport.js';
import { MailTransport, SmtpTransport, SmtpUtf8Missing } from './transports.js';

/** Messages sent at once, and connections to the mail server. */
const MAX_CONCURRENT_ENTRIES = 3;
/** Messages that may wait, retries included; beyond, new ones are dropped and counted. */
const MAX_QUEUED_ENTRIES = 1000;

/** Makes the message when its turn comes; null where there is nothing to send. */
type Compose = () => Promise<Mail | null> | Mail | null;

interface Job {
  kind: MailKind;
  compose: Compose;
  /** Once made. */
  mail?: Mail | null;
  messageId: string;
  attempt: number;
}

interface SendError {
  name?: string;
  message: string;
  code?: string;
  /** Of the system or of TLS, where `code` is the library's. */
  originalCode?: string;
  responseCode?: number;
}

/** Node's codes for a certificate that does not pass; their messages name hosts and issuers, never a recipient. */
const CERTIFICATE_CODES = /CERT|SIGNATURE|CRL|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/;

/** RFC 5321 §4.2.1: a 5yz reply says that the same command fails again. A refused login may be put right meanwhile. */
const isFinal = (error: SendError) =>
  error instanceof SmtpUtf8Missing || ((error.responseCode ?? 0) >= 500 && error.code !== 'EAUTH');

function explain(error: SendError): string | undefined {
  if (error instanceof SmtpUtf8Missing) return error.message;
  if (!CERTIFICATE_CODES.test(error.originalCode ?? '')) return undefined;
  return `the certificate of the mail server (SMTP_URL) failed: ${error.message}`;
}

/**
 * Sends mail beside the requests: nothing here makes an answer wait or fail. The queue is in memory, so a crash loses what
 * is in it; every message is one that its reader can ask for again.
 */
@Injectable()
export class Mailer implements OnApplicationShutdown {
  /** Milliseconds: between the tries of one message, and how long a shutdown waits for what is queued. */
  readonly timing = { retryDelays: [1000, 5000, 30_000, 120_000, 600_000], drainLimit: 5000 };
  private readonly transport: MailTransport;
  private readonly domain: string;
  private readonly queue = new TaskQueue(MAX_CONCURRENT_ENTRIES);
  private readonly delayed = new Map<Job, NodeJS.Timeout>();
  private draining = false;

  constructor(
    settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { mail, production } = settings;
    this.domain = /@([^>]+)/.exec(mail.from)![1]!;
    this.transport = mail.smtpUrl
      ? new SmtpTransport(mail.smtpUrl, mail.from, MAX_CONCURRENT_ENTRIES)
      : new FileTransport(settings, logger);
    if (production && !mail.smtpUrl)
      logger.warn(`SMTP_URL is not set: mail is written to ${mail.directory} and reaches nobody`);
  }

  /** Queues a message; call it after the commit of what it tells of. */
  send(mail: Mail): void {
    this.sendLater(mail.kind, () => mail);
  }

  /** Queues a message that is yet to be made, by look-ups that must not show in the time of the answer. */
  sendLater(kind: MailKind, compose: Compose): void {
    if (this.queue.size + this.delayed.size >= MAX_QUEUED_ENTRIES) {
      mails.inc({ kind, result: 'dropped' });
      this.logger.error({ mail: kind }, 'mail dropped: too many messages wait');
      return;
    }
    this.enqueue({ kind, compose, messageId: `<${randomUUID()}@${this.domain}>`, attempt: 1 });
  }

  /** Call it once the account is gone: removes what is kept of mail to the user, except the farewell that follows. */
  erase(userId: string): Promise<void> {
    return this.transport.erase(userId);
  }

  async onApplicationShutdown(): Promise<void> {
    this.draining = true;
    for (const job of Array.from(this.delayed.keys())) this.enqueue(job);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, this.timing.drainLimit)));
    await Promise.race([this.queue.idle(), late]);
    clearTimeout(timer);
    if (this.queue.size > 0) this.logger.error({ messages: this.queue.size }, 'mail lost: the process ends');
    this.queue.clear();
    this.transport.close();
  }

  private enqueue(job: Job): void {
    clearTimeout(this.delayed.get(job));
    this.delayed.delete(job);
    this.queue.push(() => this.attempt(job));
    this.observe();
  }

  private async attempt(job: Job): Promise<void> {
    try {
      // A retry sends what was made, under the same Message-ID: a second copy can be told from a second message.
      if (job.mail === undefined) job.mail = await job.compose();
      if (!job.mail) return;
      await this.transport.send(job.mail, job.messageId);
      mails.inc({ kind: job.kind, result: 'sent' });
      this.logger.debug({ mail: job.kind, user_id: job.mail.userId }, 'mail sent');
    } catch (error) {
      this.failed(job, error as SendError);
    } finally {
      this.observe();
    }
  }

  private failed(job: Job, error: SendError): void {
    const delay = this.draining || isFinal(error) ? undefined : this.timing.retryDelays[job.attempt - 1];
    const { kind, attempt, mail } = job;
    mails.inc({ kind, result: delay === undefined ? 'failed' : 'retried' });
    // Not the error itself: mail servers repeat the address in what they say.
    const { name, code, originalCode = code, responseCode } = error;
    const told = { error: originalCode ?? name, reason: explain(error), smtp_status: responseCode };
    const facts = { mail: kind, user_id: mail?.userId, attempt, ...told };
    if (delay === undefined) return this.logger.error(facts, 'mail given up');
    this.logger.warn(facts, 'mail not sent, to be tried again');
    job.attempt += 1;
    const jittered = delay * (0.8 + 0.4 * Math.random());
    this.delayed.set(job, setTimeout(() => this.enqueue(job), jittered).unref());
  }

  private observe(): void {
    mailsWaiting.set(this.queue.size + this.delayed.size);
  }
}
