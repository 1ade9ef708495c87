import type { Logger } from '../../src/common/logging/logger.js';
import { registry } from '../../src/common/logging/metrics.js';
import { readSettings } from '../../src/config/settings.js';
import { FieldCipher } from '../../src/crypto/field-cipher.js';
import { NotificationListener } from '../../src/database/notification-listener.js';
import { runInTransaction } from '../../src/database/transaction.js';
import type { Mail } from '../../src/mail/mail.js';
import type { Recipient } from '../../src/mail/compose.js';
import { passwordChangedMail as compose } from '../../src/mail/messages.js';
import { MailQueue } from '../../src/mail/mail-queue.js';
import { MailSender } from '../../src/mail/mail-sender.js';
import { TestApp, testValues } from './app.js';

/** Log lines of the mailers of a spec. */
export const lines: string[] = [];
const open: { sender: MailSender; timer: NodeJS.Timeout }[] = [];
let service: TestApp;

/** The database of the mailers: an app that sends nothing itself. */
export async function startMailDatabase(): Promise<TestApp> {
  service = await TestApp.start();
  await service.app.get(MailSender).onApplicationShutdown();
  return service;
}

export interface TestMailer {
  sender: MailSender;
  queue: MailQueue;
  /** In a transaction of its own. */
  send(mail: Mail, bundled?: boolean): Promise<void>;
}

/** A mailer with short delays; `stopMailers` stops it. */
export function mailer(overrides: Record<string, string> = {}): TestMailer {
  const write = (facts: unknown, message: string) => void lines.push(JSON.stringify([facts, message]));
  const logger = { debug: write, info: write, warn: write, error: write } as unknown as Logger;
  const settings = readSettings(testValues({ DATABASE_URL: 'postgres://unused/db', ...overrides }));
  const [{ database }, cipher] = [service, new FieldCipher(settings.encryptionKeys)];
  const queue = new MailQueue(database, cipher, logger);
  const sender = new MailSender(settings, database, cipher, queue, service.app.get(NotificationListener), logger);
  sender.timing.retrySeconds = 0.01;
  open.push({ sender, timer: setInterval(() => sender.wake(), 20) });
  const send = (mail: Mail, bundled = false) =>
    runInTransaction(database, (tx) => (bundled ? queue.addBundled(tx, mail) : queue.add(tx, mail)));
  return { sender, queue, send };
}

/** Ends the mailers and empties the queue. */
export async function stopMailers(): Promise<void> {
  await Promise.all(
    open.splice(0).map(({ sender, timer }) => {
      clearInterval(timer);
      return sender.onApplicationShutdown();
    }),
  );
  await service.sql('DELETE FROM mail_queue');
  lines.length = 0;
}

/** The metric of messages with a result. */
export async function counted(kind: string, result: string): Promise<number> {
  const { values } = (await registry.getSingleMetric('meetinity_user_mails_total')!.get()) as {
    values: { labels: Record<string, string>; value: number }[];
  };
  return values.find(({ labels }) => labels.kind === kind && labels.result === result)?.value ?? 0;
}

const NOTICE = { at: new Date(0), device: null, network: null, link: 'https://app.example/not-me?token=secret' };

export const passwordChangedMail = (to: Recipient) => compose(to, NOTICE);
