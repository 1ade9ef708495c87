import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ParsedMail } from 'mailparser';
import type { MailKind } from '../../src/mail/mail.js';
import { until } from './until.js';

/** The mail folder of this worker's apps. */
export const MAIL_DIRECTORY = join(tmpdir(), `meetinity-mail-${process.pid}`);

/** Messages of a kind to an address, oldest first. */
export async function mailsTo(address: string, kind: MailKind): Promise<ParsedMail[]> {
  const names = await readdir(MAIL_DIRECTORY).catch(() => []);
  const files = names.filter((name) => name.includes(`-${kind}-`)).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(MAIL_DIRECTORY, name))));
  // Loaded on first use: nearly every spec imports this file.
  const { simpleParser } = await import('mailparser');
  return Promise.all(texts.filter((text) => text.includes(`To: ${address}\r\n`)).map((text) => simpleParser(text)));
}

/** Waits for a message of the kind. @param count 1 for the first */
export async function mailTo(address: string, kind: MailKind, count = 1): Promise<ParsedMail> {
  return until(async () => (await mailsTo(address, kind))[count - 1]);
}

/** The link in the message. */
export function linkIn(mail: ParsedMail): URL {
  const [link] = /https?:\/\/\S+/.exec(mail.text ?? '') ?? [];
  if (!link) throw new Error('the message has no link');
  return new URL(link);
}

/** The one-time token that was mailed. */
export async function mailedToken(address: string, kind: MailKind, count = 1): Promise<string> {
  return linkIn(await mailTo(address, kind, count)).searchParams.get('token')!;
}

/** The token of the link that undoes the event of a notice. */
export async function noticeToken(address: string, kind: MailKind, count = 1): Promise<string> {
  const links = (await mailTo(address, kind, count)).text!.match(/\/not-me\?token=[\w-]+/g)!;
  return new URL(links.at(-1)!, 'http://x').searchParams.get('token')!;
}

export async function emptyMailbox(): Promise<void> {
  await rm(MAIL_DIRECTORY, { recursive: true, force: true });
}
