import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../common/errors.js';
import type { RequestContext } from '../common/http/request-context.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { mails, mailsParked, mailsWaiting } from '../common/logging/metrics.js';
import { FieldCipher } from '../crypto/field-cipher.js';
import { deleteExpiredRows } from '../database/expired-rows.js';
import { afterCommit } from '../database/transaction.js';
import type { Mail } from './mail.js';

export const CONTENTS_FIELD = 'mail_queue';
/** Beyond, further requests are answered 429. */
const MAX_REQUEST_ROWS = 10_000;
const MAX_COUNTED_ROWS = 10_000;

/** @param context of the request that is continued */
export type RequestHandler = (tx: EntityManager, body: never, context: RequestContext) => Promise<void>;

interface Sender {
  /** Called after the commit of a row. */
  onQueued(): void;
  /** Deletes mail that was written to files. */
  erase(userId: string): Promise<void>;
}

/** Writes mails and requests for mail as rows, which `MailSender` works off. */
@Injectable()
export class MailQueue {
  readonly handlers = new Map<string, RequestHandler>();
  sender: Sender | null = null;

  constructor(
    private readonly database: DataSource,
    private readonly cipher: FieldCipher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Sends the mail once the transaction has committed. */
  add(tx: EntityManager, mail: Mail): Promise<void> {
    return this.insert(tx, mail, false);
  }

  /** Like `add`, at most once an hour for a user and kind: within the hour, the latest mail waits for its end. */
  addBundled(tx: EntityManager, mail: Mail): Promise<void> {
    return this.insert(tx, mail, true);
  }

  private async insert(tx: EntityManager, mail: Mail, bundled: boolean): Promise<void> {
    const id = randomUUID();
    // With a new id, because the id is the Message-ID and the contents are encrypted for it.
    await tx.query(
      `INSERT INTO mail_queue (id, kind, user_id, contents, bundled) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (user_id, kind) WHERE bundled DO UPDATE
        SET id = excluded.id, contents = excluded.contents, created_at = now(), attempts = 0, failed_at = NULL`,
      [id, mail.kind, mail.userId, this.cipher.encrypt(id, CONTENTS_FIELD, JSON.stringify(mail)), bundled],
    );
    mails.inc({ kind: mail.kind, result: 'queued' });
    afterCommit(tx, async () => this.sender?.onQueued());
  }

  /**
   * Has the handler of this kind called after the answer: one row for known and unknown addresses, so that the time of the
   * answer does not reveal which it was.
   * @throws AppError `busy` if too many requests wait
   */
  async request(kind: string, body: object, context: RequestContext): Promise<void> {
    const { requestId, traceparent, ipAddress, behindProxy, userAgent, acceptLanguage } = context;
    const origin: RequestContext = { requestId, traceparent, ipAddress, behindProxy, userAgent, acceptLanguage };
    const id = randomUUID();
    const contents = this.cipher.encrypt(id, CONTENTS_FIELD, JSON.stringify({ body, origin }));
    const rows: unknown[] = await this.database.query(
      `INSERT INTO mail_queue (id, kind, contents) SELECT $1, $2, $3
        WHERE (SELECT count(*) FROM (SELECT FROM mail_queue WHERE user_id IS NULL LIMIT $4) AS waiting) < $4 RETURNING id`,
      [id, kind, contents, MAX_REQUEST_ROWS],
    );
    if (rows.length === 0) throw new AppError('busy', { retryAfter: 1 });
    this.sender?.onQueued();
  }

  /** Like `request`, without waiting; a failure is logged. */
  requestLater(kind: string, body: object, context: RequestContext): void {
    this.request(kind, body, context).catch((error: unknown) =>
      this.logger.warn({ err: error, mail: kind }, 'mail lost'),
    );
  }

  /** The handler runs in the transaction that deletes the request. Register it before the application starts. */
  handle(kind: string, handler: RequestHandler): void {
    this.handlers.set(kind, handler);
  }

  /** Deletes mail to an erased user; the notice of the erasure is added afterwards. */
  async erase(tx: EntityManager, userId: string): Promise<void> {
    await tx.query('DELETE FROM mail_queue WHERE user_id = $1', [userId]);
    afterCommit(tx, async () => this.sender?.erase(userId));
  }

  /** Sets the gauges. */
  async measure(): Promise<void> {
    const count = (condition: string) =>
      `(SELECT count(*)::int FROM (SELECT FROM mail_queue WHERE failed_at IS ${condition} AND contents <> '' LIMIT ${MAX_COUNTED_ROWS}) AS m)`;
    const [row] = await this.database.query<[{ waiting: number; parked: number }]>(
      `SELECT ${count('NULL')} AS waiting, ${count('NOT NULL')} AS parked`,
    );
    mailsWaiting.set(row.waiting);
    mailsParked.set(row.parked);
  }
}

/** Parked mails older than a week, and requests that no worker handled within an hour. */
export async function deleteExpiredMails(tx: EntityManager, maxRows: number): Promise<number> {
  const parked = { table: 'mail_queue', key: 'id', column: 'failed_at', before: `now() - interval '7 days'` };
  const requests = {
    ...parked,
    column: 'created_at',
    before: `now() - interval '1 hour' AND user_id IS NULL`,
  };
  return (await deleteExpiredRows(tx, parked, maxRows)) + (await deleteExpiredRows(tx, requests, maxRows));
}
