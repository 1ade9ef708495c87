import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';
import type { RequestContext } from '../common/http/request-context.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { mails } from '../common/logging/metrics.js';
import { mailChannel } from '../common/logging/trace-channels.js';
import { Settings } from '../config/settings.js';
import { FieldCipher } from '../crypto/field-cipher.js';
import { NotificationListener } from '../database/notification-listener.js';
import { runInTransaction } from '../database/transaction.js';
import { ERASURE_NOTICE, type Mail } from './mail.js';
import { FileTransport } from './file-transport.js';
import { CONTENTS_FIELD, MailQueue } from './mail-queue.js';
import { claimMail, ClaimedRow, deleteMail, holdBackMail, MAIL_CHANNEL, postponeMail } from './mail-rows.js';
import { explain, isFinal, type SendError } from './send-errors.js';
import { type MailTransport, SmtpTransport } from './transports.js';

/** Parallel messages of this process, and its connections to the mail server. */
const MAX_CONCURRENT_ENTRIES = 3;
/** Finds due retries, and rows whose notification was lost. */
const POLL_MS = 5000;
/** Longer than MAX_SEND_MS: another process takes the mail over only when this one has stopped sending it. */
const LEASE_SECONDS = 120;
const MAX_SEND_MS = 100_000;
const MAX_RETRY_SECONDS = 7200;
const MAX_MAIL_AGE_HOURS = 24;
const MAX_REQUEST_AGE_HOURS = 1;
/** Reached only by a mail that ends the process which sends it. */
const MAX_ATTEMPTS = 50;
const HOUR_MS = 3_600_000;

/**
 * Sends the mails of the queue. Every instance does; a row is claimed by a lease that is committed before the mail is sent,
 * so a crash delays a mail by the lease and loses none. A crash between the server's acceptance and the deletion of the row
 * sends it twice, under the same Message-ID.
 */
@Injectable()
export class MailSender implements OnApplicationBootstrap, OnApplicationShutdown {
  /** Lease and first delay between attempts, in seconds; milliseconds for which a shutdown waits for mail being sent. */
  readonly timing = { leaseSeconds: LEASE_SECONDS, retrySeconds: 5, drainLimit: 5000 };
  private readonly transport: MailTransport;
  private readonly domain: string;
  private readonly poll: PeriodicTask;
  private readonly running = new Set<Promise<void>>();
  private pending = false;
  private notifying = false;
  private stopped = false;
  private failing = false;

  constructor(
    settings: Settings,
    private readonly database: DataSource,
    private readonly cipher: FieldCipher,
    private readonly queue: MailQueue,
    listener: NotificationListener,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { mail, production } = settings;
    this.domain = /@([^>]+)/.exec(mail.from)![1]!;
    this.transport = mail.smtpUrl
      ? new SmtpTransport(mail.smtpUrl, mail.from, MAX_CONCURRENT_ENTRIES)
      : new FileTransport(settings, logger);
    if (production && !mail.smtpUrl)
      logger.warn(`SMTP_URL is not set: mail is written to ${mail.directory} and not delivered`);
    this.poll = new PeriodicTask(POLL_MS, logger, 'looking for mail failed', async () => this.wake());
    queue.sender = { onQueued: () => this.onQueued(), erase: (userId) => this.transport.erase(userId) };
    listener.on(MAIL_CHANNEL, () => this.wake());
  }

  onApplicationBootstrap(): void {
    this.poll.start();
    this.wake();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.poll.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, this.timing.drainLimit)));
    await Promise.race([this.idle(), late]);
    clearTimeout(timer);
    this.transport.close();
  }

  /** @throws Error if the mail server cannot be used */
  probe(): Promise<void> {
    return this.transport.probe();
  }

  /** Until nothing is due that this process could claim. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private onQueued(): void {
    if (this.running.size < MAX_CONCURRENT_ENTRIES) return this.wake();
    // All places are taken here: another instance may have a free one.
    this.pending = true;
    if (this.notifying) return;
    this.notifying = true;
    void this.database
      .query(`NOTIFY ${MAIL_CHANNEL}`)
      .catch(() => undefined)
      .finally(() => (this.notifying = false));
  }

  /** Works off what is due. */
  wake(): void {
    this.pending = true;
    if (this.stopped || this.running.size >= MAX_CONCURRENT_ENTRIES) return;
    const work = this.workOff()
      .then(
        () => void (this.failing = false),
        (error: unknown) => this.report(error),
      )
      .finally(() => this.running.delete(work));
    this.running.add(work);
  }

  private async workOff(): Promise<void> {
    while (this.pending && !this.stopped) {
      this.pending = false;
      while (!this.stopped && (await this.processNext()));
    }
  }

  /** Logs the first of consecutive failures only. */
  private report(error: unknown): void {
    if (!this.failing) this.logger.warn({ err: error }, 'the mail queue cannot be read; tried again later');
    this.failing = true;
  }

  /** @returns false if nothing is due */
  private async processNext(): Promise<boolean> {
    const row = await claimMail(this.database, this.timing.leaseSeconds);
    if (!row) return false;
    // The next row may be due as well: another place takes it.
    this.wake();
    const ageHours = (Date.now() - row.created_at.getTime()) / HOUR_MS;
    try {
      if (row.attempts > MAX_ATTEMPTS) throw Object.assign(new Error(), { name: 'TooManyAttempts', responseCode: 599 });
      if (row.user_id === null) await this.runRequest(row, ageHours);
      else if (row.contents !== '') await this.send(row);
    } catch (error) {
      await this.handleFailure(row, error as SendError, ageHours);
      return true;
    }
    if (row.bundled && row.contents !== '') await holdBackMail(this.database, row);
    else await deleteMail(this.database, row);
    return true;
  }

  private read<T>({ id, contents }: ClaimedRow): T {
    return JSON.parse(this.cipher.decrypt(id, CONTENTS_FIELD, contents)) as T;
  }

  private async send(row: ClaimedRow): Promise<void> {
    const mail = this.read<Mail>(row);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(Object.assign(new Error(), { code: 'ETIMEDOUT' })), MAX_SEND_MS);
    });
    const send = () => this.transport.send(mail, `<${row.id}@${this.domain}>`, row.created_at);
    const sending = mailChannel.tracePromise(send, { kind: row.kind });
    await Promise.race([sending, late]).finally(() => clearTimeout(timer));
    mails.inc({ kind: row.kind, result: 'sent' });
    this.logger.debug({ mail: row.kind, user_id: row.user_id }, 'mail sent');
  }

  private async runRequest(row: ClaimedRow, ageHours: number): Promise<void> {
    if (ageHours > MAX_REQUEST_AGE_HOURS) return;
    const { body, origin } = this.read<{ body: never; origin: RequestContext }>(row);
    await runInTransaction(this.database, async (tx) => {
      // Deleted first: of two workers, after a lease that ended too early, only one goes on.
      const [, count] = await tx.query<[unknown, number]>('DELETE FROM mail_queue WHERE id = $1', [row.id]);
      if (count === 1) await this.queue.handlers.get(row.kind)!(tx, body, origin);
    });
  }

  /** Retries with exponential back-off for a day, then parks the mail. */
  private async handleFailure(row: ClaimedRow, error: SendError, ageHours: number): Promise<void> {
    const delay = Math.min(this.timing.retrySeconds * 4 ** (row.attempts - 1), MAX_RETRY_SECONDS);
    const jittered = delay * (0.8 + 0.4 * Math.random());
    const final = isFinal(error) || ageHours + jittered / 3600 > MAX_MAIL_AGE_HOURS;
    mails.inc({ kind: row.kind, result: final ? 'failed' : 'retried' });
    // Not the error itself: servers repeat the address in their replies.
    const { name, code, originalCode = code ?? name, responseCode } = error;
    const reason = { error: originalCode, reason: explain(error), smtp_status: responseCode };
    const facts = { mail: row.kind, user_id: row.user_id, attempt: row.attempts, ...reason };
    if (final) this.logger.error(facts, 'mail given up');
    else this.logger.warn(facts, 'mail not sent, to be tried again');
    if (final && row.kind === ERASURE_NOTICE) return deleteMail(this.database, row);
    const lastError = [originalCode, responseCode].join(' ').trim().slice(0, 200);
    await postponeMail(this.database, row, lastError, final, jittered);
  }
}
