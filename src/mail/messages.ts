import { html, Html } from '../common/http/html.js';
import { toLine } from '../common/dto/text.js';
import type { Provider } from '../config/settings.auth.js';
import { textsOf } from './locales/locales.js';
import type { Content, Eviction, FactorChange, Texts } from './locales/texts.js';
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

function toText(greeting: string, { paragraphs, label, closing }: Content, link: string | null): string {
  const action = link ? [`${label}:\n${link}`] : [];
  return `${[greeting, ...paragraphs, ...action, closing, 'Meetinity'].join('\n\n')}\n`;
}

function toHtml(locale: string, texts: Texts, greeting: string, content: Content, link: string | null): Html {
  const { subject, paragraphs, label, closing } = content;
  const button = link
    ? html`<p style="margin:24px 0">
          <a
            href="${link}"
            style="background:#1d4ed8;color:#ffffff;padding:12px 20px;border-radius:6px;text-decoration:none;display:inline-block"
            >${label}</a
          >
        </p>
        <p style="font-size:13px;color:#475569">${texts.linkHint}<br /><span dir="ltr">${link}</span></p>`
    : '';
  return html`<!doctype html>
    <html lang="${locale}" dir="${texts.direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${subject}</title>
      </head>
      <body
        dir="${texts.direction}"
        style="margin:0;padding:24px;background:#f1f5f9;font-family:Arial,Helvetica,sans-serif;color:#0f172a;line-height:1.5"
      >
        <div style="max-width:520px;margin:0 auto;background:#ffffff;padding:28px;border-radius:8px">
          <p>${greeting}</p>
          ${paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)} ${button}
          <p style="font-size:13px;color:#475569">${closing}</p>
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
): Mail {
  const texts = textsOf(to.locale);
  const content = contentOf(texts);
  const name = greetingName(to.name);
  const greeting = texts.greeting(name && isolate(name));
  return {
    kind,
    userId: to.id,
    to: to.email,
    subject: content.subject,
    text: toText(greeting, content, link),
    html: toHtml(to.locale, texts, greeting, content, link).markup,
    link,
  };
}

export const passwordResetMail = (to: Recipient, link: string) =>
  compose('password_reset', to, (texts) => texts.passwordReset, link);

export const passwordChangedMail = (to: Recipient, cleared = false) =>
  compose('password_changed', to, (texts) => texts.passwordChanged(cleared));

export const verificationMail = (to: Recipient, link: string) =>
  compose('email_verification', to, (texts) => texts.verification, link);

export const alreadyRegisteredMail = (to: Recipient, resetLink: string) =>
  compose('already_registered', to, (texts) => texts.alreadyRegistered, resetLink);

export const accountLinkedMail = (to: Recipient, linked: Provider, eviction: Eviction | null) =>
  compose(
    'account_linked',
    to,
    (texts) => texts.accountLinked(PROVIDER_NAMES[linked], eviction),
    eviction?.resetLink ?? null,
  );

export const accountUnlinkedMail = (to: Recipient, unlinked: Provider) =>
  compose('account_unlinked', to, (texts) => texts.accountUnlinked(PROVIDER_NAMES[unlinked]));

export const factorChangedMail = (to: Recipient, change: FactorChange) =>
  compose('factor_changed', to, (texts) => texts.factorChanged(change));

export const signInLockedMail = (to: Recipient, ipAddress: string, at: Date) =>
  compose('sign_in_locked', to, (texts) => texts.signInLocked(ipAddress, at));

export const passwordDisabledMail = (to: Recipient, resetLink: string) =>
  compose('password_disabled', to, (texts) => texts.passwordDisabled, resetLink);

export const refreshTokenReusedMail = (to: Recipient) =>
  compose('refresh_token_reused', to, (texts) => texts.refreshTokenReused);

/** For the owner of an address whose account a squatter may have created. */
export const firstAdministratorMail = (to: Recipient, resetLink: string) =>
  compose('first_administrator', to, (texts) => texts.firstAdministrator, resetLink);

export const accountDeletedMail = (to: Recipient) => compose('account_deleted', to, (texts) => texts.accountDeleted);
