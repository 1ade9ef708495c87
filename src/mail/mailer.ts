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

/** Parallel messages, and connections to the mail server. */
const MAX_CONCURRENT_ENTRIES = 3;
/** Waiting messages, with retries; beyond, new ones are dropped and counted. */
const MAX_QUEUED_ENTRIES = 1000;

/** Creates the message when it is to be sent; null if there is nothing to send. */
type Compose = () => Promise<Mail | null> | Mail | null;

interface Job {
  kind: MailKind;
  compose: Compose;
  mail?: Mail | null;
  messageId: string;
  attempt: number;
}

interface SendError {
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
const isFinal = (error: SendError) =>
  error instanceof SmtpUtf8Missing || ((error.responseCode ?? 0) >= 500 && error.code !== 'EAUTH');

function explain(error: SendError): string | undefined {
  if (error instanceof SmtpUtf8Missing) return error.message;
  if (!CERTIFICATE_CODES.test(error.originalCode ?? '')) return undefined;
  return `the certificate of the mail server (SMTP_URL) failed: ${error.message}`;
}

/**
 * Sends mail in the background: no answer waits for it or fails with it. The queue is in memory, so a crash loses it; every
 * message can be requested again.
 */
@Injectable()
export class Mailer implements OnApplicationShutdown {
  /** Milliseconds between the attempts of a message, and for which a shutdown waits for the queue. */
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
      logger.warn(`SMTP_URL is not set: mail is written to ${mail.directory} and not delivered`);
  }

  /** Queues a message; call it after the commit. */
  send(mail: Mail): void {
    this.sendLater(mail.kind, () => mail);
  }

  /** Queues a message that needs look-ups, whose time must not show in the answer. */
  sendLater(kind: MailKind, compose: Compose): void {
    if (this.queue.size + this.delayed.size >= MAX_QUEUED_ENTRIES) {
      mails.inc({ kind, result: 'dropped' });
      this.logger.error({ mail: kind }, 'mail dropped: too many messages wait');
      return;
    }
    this.enqueue({ kind, compose, messageId: `<${randomUUID()}@${this.domain}>`, attempt: 1 });
  }

  /** Deletes stored mail to an erased user, except the notice of the erasure that follows. */
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
    this.updateMetrics();
  }

  private async attempt(job: Job): Promise<void> {
    try {
      // A retry has the same Message-ID, which marks a duplicate.
      if (job.mail === undefined) job.mail = await job.compose();
      if (!job.mail) return;
      await this.transport.send(job.mail, job.messageId);
      mails.inc({ kind: job.kind, result: 'sent' });
      this.logger.debug({ mail: job.kind, user_id: job.mail.userId }, 'mail sent');
    } catch (error) {
      this.handleFailure(job, error as SendError);
    } finally {
      this.updateMetrics();
    }
  }

  private handleFailure(job: Job, error: SendError): void {
    const delay = this.draining || isFinal(error) ? undefined : this.timing.retryDelays[job.attempt - 1];
    const { kind, attempt, mail } = job;
    mails.inc({ kind, result: delay === undefined ? 'failed' : 'retried' });
    // Not the error itself: servers repeat the address in their replies.
    const { name, code, originalCode = code, responseCode } = error;
    const reason = { error: originalCode ?? name, reason: explain(error), smtp_status: responseCode };
    const facts = { mail: kind, user_id: mail?.userId, attempt, ...reason };
    if (delay === undefined) return this.logger.error(facts, 'mail given up');
    this.logger.warn(facts, 'mail not sent, to be tried again');
    job.attempt += 1;
    const jittered = delay * (0.8 + 0.4 * Math.random());
    this.delayed.set(job, setTimeout(() => this.enqueue(job), jittered).unref());
  }

  private updateMetrics(): void {
    mailsWaiting.set(this.queue.size + this.delayed.size);
  }
}
