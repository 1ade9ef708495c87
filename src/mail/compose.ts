import { html, Html } from '../common/http/html.js';
import { toLine } from '../common/dto/text.js';
import { textsOf } from './locales/locales.js';
import type { Content, Notice, Texts } from './locales/texts.js';
import type { Mail, MailKind } from './mail.js';

export interface Recipient {
  id: string;
  email: string;
  name: string;
  locale: string;
}

const MAX_GREETING_CHARS = 60;

/** In a host name, full-width letters and dots and the ideographic full stop mean the same as ASCII ones (UTS #46). */
const LINK = /[/:@\\／：＠＼]|www|ｗｗｗ|[.．。｡]\p{L}{2}/iu;

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * The name for a greeting, null if mail programs could turn it into a link: anyone can register any address under any name.
 */
export function greetingName(name: string): string | null {
  const shown = toLine(name, MAX_GREETING_CHARS);
  const letters = shown.replace(/[\p{C}\p{Default_Ignorable_Code_Point}]/gu, '');
  return shown === '' || LINK.test(letters) ? null : shown;
}

/** Isolated (UAX #9 §2.3), so that a right-to-left name does not reorder the sentence around it. */
const isolate = (name: string) => (RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name);

/** Label and value of each known line, in the order of the mail. */
function noticeLines(locale: string, { notice }: Texts, { at, device, network }: Notice): string[] {
  const time = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'long', timeZone: 'UTC' }).format(at);
  const client = [device?.browser, device?.system].filter(Boolean).join(` ${notice.on} `);
  const lines = [
    [notice.time, time],
    [notice.device, client],
    [notice.network, network],
  ];
  return lines.filter(([, value]) => value).map(([label, value]) => `${label}: ${value}`);
}

function toText(greeting: string, content: Content, link: string | null, extra: NoticePart | null): string {
  const { paragraphs, label, closing } = content;
  const parts = [
    greeting,
    ...paragraphs,
    extra?.lines.join('\n'),
    link && `${label}:\n${link}`,
    closing,
    extra && `${extra.hint}\n\n${extra.label}:\n${extra.link}`,
    'Meetinity',
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function buttonOf(link: string, label: string, linkHint: string): Html {
  return html`<p style="margin:24px 0">
      <a
        href="${link}"
        style="background:#1d4ed8;color:#ffffff;padding:12px 20px;border-radius:6px;text-decoration:none;display:inline-block"
        >${label}</a
      >
    </p>
    <p style="font-size:13px;color:#475569">${linkHint}<br /><span dir="ltr">${link}</span></p>`;
}

/** Of a notice, in the language of the mail. */
interface NoticePart {
  lines: string[];
  hint: string;
  label: string;
  link: string;
}

function toHtml(
  locale: string,
  { direction, linkHint }: Texts,
  greeting: string,
  { subject, paragraphs, label = '', closing }: Content,
  link: string | null,
  extra: NoticePart | null,
): Html {
  return html`<!doctype html>
    <html lang="${locale}" dir="${direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${subject}</title>
      </head>
      <body
        dir="${direction}"
        style="margin:0;padding:24px;background:#f1f5f9;font-family:Arial,Helvetica,sans-serif;color:#0f172a;line-height:1.5"
      >
        <div style="max-width:520px;margin:0 auto;background:#ffffff;padding:28px;border-radius:8px">
          <p>${greeting}</p>
          ${paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}
          ${extra && html`<p>${extra.lines.map((line) => html`${line}<br />`)}</p>`}
          ${link && buttonOf(link, label, linkHint)}
          ${closing && html`<p style="font-size:13px;color:#475569">${closing}</p>`}
          ${
            extra &&
            html`<p>${extra.hint}</p>
              ${buttonOf(extra.link, extra.label, linkHint)}`
          }
          <p>Meetinity</p>
        </div>
      </body>
    </html> `;
}

export function compose(
  kind: MailKind,
  to: Recipient,
  contentOf: (texts: Texts) => Content,
  link: string | null = null,
  notice: Notice | null = null,
): Mail {
  const texts = textsOf(to.locale);
  const { hint, label } = texts.notice;
  const extra = notice && { lines: noticeLines(to.locale, texts, notice), hint, label, link: notice.link };
  const content = contentOf(texts);
  const name = greetingName(to.name);
  const greeting = texts.greeting(name && isolate(name));
  return {
    kind,
    userId: to.id,
    to: to.email,
    subject: content.subject,
    text: toText(greeting, content, link, extra),
    html: toHtml(to.locale, texts, greeting, content, link, extra).markup,
    link: link ?? notice?.link ?? null,
  };
}

export function composeNotice(
  kind: MailKind,
  to: Recipient,
  notice: Notice,
  contentOf: (texts: Texts) => Content,
): Mail {
  return compose(kind, to, contentOf, null, notice);
}
