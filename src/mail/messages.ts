import { html, Html } from '../common/http/html.js';
import { toLine } from '../common/dto/text.js';
import type { Provider } from '../config/settings.auth.js';
import type { Mail, MailKind } from './mail.js';

const PROVIDER_NAMES = { google: 'Google', linkedin: 'LinkedIn' } as const;

export interface Recipient {
  id: string;
  email: string;
  name: string;
}

const MAX_GREETING_CHARS = 60;

interface Content {
  subject: string;
  paragraphs: string[];
  action?: { label: string; link: string };
  closing: string;
}

/**
 * The name for a greeting, null if mail programs could turn it into a link: anyone can register any address under any name.
 */
export function greetingName(name: string): string | null {
  const shown = toLine(name, MAX_GREETING_CHARS);
  const letters = shown.replace(/[\p{C}\p{Default_Ignorable_Code_Point}]/gu, '');
  return shown === '' || /[/:@\\]|www|\.\p{L}{2}/iu.test(letters) ? null : shown;
}

function toText(greeting: string, { paragraphs, action, closing }: Content): string {
  const link = action ? [`${action.label}:\n${action.link}`] : [];
  return `${[greeting, ...paragraphs, ...link, closing, 'Meetinity'].join('\n\n')}\n`;
}

function toHtml(greeting: string, { subject, paragraphs, action, closing }: Content): Html {
  const button = action
    ? html`<p style="margin:24px 0">
          <a
            href="${action.link}"
            style="background:#1d4ed8;color:#ffffff;padding:12px 20px;border-radius:6px;text-decoration:none;display:inline-block"
            >${action.label}</a
          >
        </p>
        <p style="font-size:13px;color:#475569">If the button does not work, open this address:<br />${action.link}</p>`
    : '';
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${subject}</title>
      </head>
      <body
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

function compose(kind: MailKind, to: Recipient, content: Content): Mail {
  const name = greetingName(to.name);
  const greeting = name ? `Hello ${name},` : 'Hello,';
  return {
    kind,
    userId: to.id,
    to: to.email,
    subject: content.subject,
    text: toText(greeting, content),
    html: toHtml(greeting, content).markup,
    link: content.action?.link ?? null,
  };
}

const CLEARED =
  'This address had never been confirmed, so another person may have created the account. We have therefore cleared its profile.';

const PASSWORD_REMOVED =
  'We could not tell whether you chose the password of this account, so we removed it and signed out all devices. Use the link' +
  ' below to set a new one. It works once, within one hour; after that, request a new link on the sign-in page.';

export function passwordResetMail(to: Recipient, link: string): Mail {
  return compose('password_reset', to, {
    subject: 'Set a new password',
    paragraphs: [
      'We received a request to reset the password of your Meetinity account. The link works once, within one hour.',
    ],
    action: { label: 'Set a new password', link },
    closing: 'If you did not request this, ignore this message. Your password stays the same.',
  });
}

/** @param cleared whether the profile was cleared, because the address had never been confirmed */
export function passwordChangedMail(to: Recipient, cleared = false): Mail {
  return compose('password_changed', to, {
    subject: 'Your password was changed',
    paragraphs: [
      'The password of your Meetinity account was just changed, and your other devices were signed out.',
      ...(cleared ? [CLEARED] : []),
    ],
    closing: 'If you did not do this, reset your password on the sign-in page right away.',
  });
}

export function verificationMail(to: Recipient, link: string): Mail {
  return compose('email_verification', to, {
    subject: 'Confirm your e-mail address',
    paragraphs: [
      'This address was used to create a Meetinity account. Please confirm that it is yours. The link works for 24 hours.',
    ],
    action: { label: 'Confirm this address', link },
    closing: 'If you did not create an account, ignore this message.',
  });
}

export function alreadyRegisteredMail(to: Recipient, resetLink: string): Mail {
  return compose('already_registered', to, {
    subject: 'You already have an account',
    paragraphs: [
      'Someone tried to register with this address. You already have an account, so nothing was changed.',
      'Sign in as usual, or use the link to set a new password. It works once, within one hour.',
    ],
    action: { label: 'Set a new password', link: resetLink },
    closing: 'If this was not you, ignore this message.',
  });
}

/** The result of an account eviction; the link sets a new password, null if there was none. */
export interface Eviction {
  cleared: boolean;
  resetLink: string | null;
}

/** @param eviction null if the account kept everything */
export function accountLinkedMail(to: Recipient, linked: Provider, eviction: Eviction | null): Mail {
  const provider = PROVIDER_NAMES[linked];
  const { cleared, resetLink } = eviction ?? { cleared: false, resetLink: null };
  const kept =
    'The profile was kept. If it is not yours, clear it in your profile settings, or delete the account there and sign in with' +
    ` ${provider} again.`;
  return compose('account_linked', to, {
    subject: `You can now sign in with ${provider}`,
    paragraphs: [
      `A ${provider} account with this e-mail address was linked to your Meetinity account. You can use it to sign in.`,
      ...(resetLink ? [PASSWORD_REMOVED] : []),
      ...(eviction ? [cleared ? CLEARED : kept] : []),
    ],
    ...(resetLink ? { action: { label: 'Set a new password', link: resetLink } } : {}),
    closing: 'If you did not do this, unlink it in your account settings and change your password.',
  });
}

export function accountUnlinkedMail(to: Recipient, unlinked: Provider): Mail {
  const provider = PROVIDER_NAMES[unlinked];
  return compose('account_unlinked', to, {
    subject: `${provider} was unlinked from your account`,
    paragraphs: [
      `The ${provider} account was just unlinked from your Meetinity account. You can no longer use it to sign in.`,
    ],
    closing: 'If you did not do this, reset your password on the sign-in page. That signs out all devices.',
  });
}

/** Sent at most once an hour, so that an attacker cannot fill the mailbox. */
export function signInLockedMail(to: Recipient, ipAddress: string, at: Date): Mail {
  return compose('sign_in_locked', to, {
    subject: 'Too many wrong passwords for your account',
    paragraphs: [
      `There were too many sign-in attempts with a wrong password, the last one from ${ipAddress} on ` +
        `${at.toUTCString()}. Sign-ins from there are blocked for a while. Your devices stay signed in.`,
    ],
    closing:
      'If this was you, wait 15 minutes or reset your password. If not, there is nothing to do: no one signed in.',
  });
}

/** Sent at most once an hour, too. */
export function refreshTokenReusedMail(to: Recipient): Mail {
  return compose('refresh_token_reused', to, {
    subject: 'A device was signed out of your account',
    paragraphs: [
      'One of your devices was just signed out of your Meetinity account, because its session was used in two places and may have been copied.',
      'Sign in again on that device. Your other devices stay signed in.',
    ],
    closing: 'If you cannot explain this, reset your password on the sign-in page. That signs out all devices.',
  });
}

/** For the owner of an address whose account a squatter may have created. */
export function firstAdministratorMail(to: Recipient, resetLink: string): Mail {
  return compose('first_administrator', to, {
    subject: 'You are now an administrator',
    paragraphs: ['The operator of this Meetinity service has made your account an administrator.', PASSWORD_REMOVED],
    action: { label: 'Set a new password', link: resetLink },
    closing: 'If you did not expect this, contact the operator.',
  });
}

export function accountDeletedMail(to: Recipient): Mail {
  return compose('account_deleted', to, {
    subject: 'Your account was deleted',
    paragraphs: ['As you requested, your Meetinity account and all of its data were just deleted.'],
    closing: 'If you did not do this, someone else knew your password: change it wherever else you use it.',
  });
}
