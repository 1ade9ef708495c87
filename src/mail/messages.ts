import { html, Html } from '../common/http/html.js';
import { toLine } from '../common/dto/text.js';
import type { Provider } from '../config/settings.auth.js';
import { textsOf } from './locales/locales.js';
import type { Content, Eviction, FactorChange, Notice, Texts } from './locales/texts.js';
import type { Mail, MailKind } from './mail.js';

const PROVIDER_NAMES = { google: 'Google', linkedin: 'LinkedIn' } as const;

export interface Recipient {
  id: string;
  email: string;
  name: string;
  locale: string;
}

const MAX_GREETING_CHARS = 60;

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * The name for a greeting, null if mail programs could turn it into a link: anyone can register any address under any name.
 */
export function greetingName(name: string): string | null {
  const shown = toLine(name, MAX_GREETING_CHARS);
  const letters = shown.replace(/[\p{C}\p{Default_Ignorable_Code_Point}]/gu, '');
  return shown === '' || /[/:@\\]|www|\.\p{L}{2}/iu.test(letters) ? null : shown;
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

function compose(
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

export const passwordResetMail = (to: Recipient, link: string) =>
  compose('password_reset', to, (texts) => texts.passwordReset, link);

export const verificationMail = (to: Recipient, link: string) =>
  compose('email_verification', to, (texts) => texts.verification, link);

export const alreadyRegisteredMail = (to: Recipient, resetLink: string) =>
  compose('already_registered', to, (texts) => texts.alreadyRegistered, resetLink);

/** To the new address. */
export const emailChangeMail = (to: Recipient, link: string) =>
  compose('email_change', to, (texts) => texts.emailChange, link);

export const addressTakenMail = (to: Recipient) => compose('address_taken', to, (texts) => texts.addressTaken);

/** For the owner of an address whose account a squatter may have created. */
export const firstAdministratorMail = (to: Recipient, resetLink: string) =>
  compose('first_administrator', to, (texts) => texts.firstAdministrator, resetLink);

export const invitationMail = (to: Recipient, resetLink: string) =>
  compose('invitation', to, (texts) => texts.invitation, resetLink);

export const accountDeletedMail = (to: Recipient) => compose('account_deleted', to, (texts) => texts.accountDeleted);

function composeNotice(kind: MailKind, to: Recipient, notice: Notice, contentOf: (texts: Texts) => Content): Mail {
  return compose(kind, to, contentOf, null, notice);
}

export const passwordChangedMail = (to: Recipient, notice: Notice, cleared = false) =>
  composeNotice('password_changed', to, notice, (texts) => texts.passwordChanged(cleared));

export const accountLinkedMail = (to: Recipient, notice: Notice, linked: Provider, eviction: Eviction | null) =>
  compose(
    'account_linked',
    to,
    (texts) => texts.accountLinked(PROVIDER_NAMES[linked], eviction),
    eviction?.resetLink ?? null,
    notice,
  );

export const accountUnlinkedMail = (to: Recipient, notice: Notice, unlinked: Provider) =>
  composeNotice('account_unlinked', to, notice, (texts) => texts.accountUnlinked(PROVIDER_NAMES[unlinked]));

export const factorChangedMail = (to: Recipient, notice: Notice, change: FactorChange) =>
  composeNotice('factor_changed', to, notice, (texts) => texts.factorChanged(change));

export const mfaResetMail = (to: Recipient, notice: Notice, hours: number) =>
  composeNotice('mfa_reset', to, notice, (texts) => texts.mfaReset(hours));

export const newDeviceMail = (to: Recipient, notice: Notice) =>
  composeNotice('new_device', to, notice, (texts) => texts.newDevice);

export const signInLockedMail = (to: Recipient, notice: Notice) =>
  composeNotice('sign_in_locked', to, notice, (texts) => texts.signInLocked);

export const passwordDisabledMail = (to: Recipient, notice: Notice, resetLink: string) =>
  compose('password_disabled', to, (texts) => texts.passwordDisabled, resetLink, notice);

export const refreshTokenReusedMail = (to: Recipient, notice: Notice) =>
  composeNotice('refresh_token_reused', to, notice, (texts) => texts.refreshTokenReused);

export const emailChangeRequestedMail = (to: Recipient, notice: Notice) =>
  composeNotice('email_change_requested', to, notice, (texts) => texts.emailChangeRequested);

export const emailChangedMail = (to: Recipient, notice: Notice) =>
  composeNotice('email_changed', to, notice, (texts) => texts.emailChanged);

export const roleChangedMail = (to: Recipient, notice: Notice, role: 'user' | 'moderator' | 'admin') =>
  composeNotice('role_changed', to, notice, (texts) => texts.roleChanged(role));

export const statusChangedMail = (to: Recipient, notice: Notice, isActive: boolean) =>
  composeNotice('status_changed', to, notice, (texts) => texts.statusChanged(isActive));
