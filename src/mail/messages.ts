import { html, Html } from '../common/http/html.js';
import { toLine } from '../common/dto/text.js';
import type { Provider } from '../config/settings.auth.js';
import type { Mail, MailKind } from './mail.js';

/** As people know them. */
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
 * A name as it may stand in a mail. Anybody can register anybody's address under any name, so what mail programs could turn
 * into a link is left out, and no name can add a line.
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
  'This address had never been confirmed, so the account may have been made by another person:' +
  ' what stood in its profile was removed.';

/** Why a password was removed, and the way to the next one. */
const SET_ANEW =
  'Nothing shows that the owner of this mailbox chose the password of the account, so it was removed and all devices were' +
  ' signed out. The link sets a new one; it works once, for one hour. Later, ask for another from the sign-in page.';

export function passwordResetMail(to: Recipient, link: string): Mail {
  return compose('password_reset', to, {
    subject: 'Set a new password',
    paragraphs: [
      'Somebody, we hope you, asked for a new password for your Meetinity account. The link works once, for one hour.',
    ],
    action: { label: 'Set a new password', link },
    closing: 'If it was not you, do nothing: your password stays as it is.',
  });
}

/** @param cleared whether the profile went, because the address had never been confirmed */
export function passwordChangedMail(to: Recipient, cleared = false): Mail {
  return compose('password_changed', to, {
    subject: 'Your password was changed',
    paragraphs: [
      'The password of your Meetinity account was changed a moment ago, and other devices were signed out.',
      ...(cleared ? [CLEARED] : []),
    ],
    closing: 'If it was not you, ask for a new password at once from the sign-in page.',
  });
}

export function verificationMail(to: Recipient, link: string): Mail {
  return compose('email_verification', to, {
    subject: 'Confirm your e-mail address',
    paragraphs: [
      'This address was used to make a Meetinity account. Please confirm that it is yours. The link works for 24 hours.',
    ],
    action: { label: 'Confirm this address', link },
    closing: 'If you did not make an account, do not confirm it.',
  });
}

/** For the owner of an address that somebody tried to register again. */
export function alreadyRegisteredMail(to: Recipient, resetLink: string): Mail {
  return compose('already_registered', to, {
    subject: 'You already have an account',
    paragraphs: [
      'Somebody, we hope you, tried to register with this address. There is an account with it already, so nothing was changed.',
      'Sign in as usual, or set a new password if you do not know it. The link works once, for one hour.',
    ],
    action: { label: 'Set a new password', link: resetLink },
    closing: 'If it was not you, do nothing.',
  });
}

/** What an eviction took; the link sets a new password, null where there was none. */
export interface Eviction {
  cleared: boolean;
  resetLink: string | null;
}

/** @param eviction null where the account kept everything */
export function accountLinkedMail(to: Recipient, linked: Provider, eviction: Eviction | null): Mail {
  const provider = PROVIDER_NAMES[linked];
  const { cleared, resetLink } = eviction ?? { cleared: false, resetLink: null };
  const kept =
    'The profile was kept. Should it not be yours, empty it in the settings of your profile, or delete the account there and' +
    ` sign in with ${provider} again.`;
  return compose('account_linked', to, {
    subject: `Your account can now be opened with ${provider}`,
    paragraphs: [
      `A ${provider} account with this e-mail address was linked to your Meetinity account and signs you in from now on.`,
      ...(resetLink ? [SET_ANEW] : []),
      ...(eviction ? [cleared ? CLEARED : kept] : []),
    ],
    ...(resetLink ? { action: { label: 'Set a new password', link: resetLink } } : {}),
    closing: 'If it was not you, remove the link in your account and change your password.',
  });
}

export function accountUnlinkedMail(to: Recipient, unlinked: Provider): Mail {
  const provider = PROVIDER_NAMES[unlinked];
  return compose('account_unlinked', to, {
    subject: `${provider} no longer opens your account`,
    paragraphs: [`The ${provider} account that was linked to your Meetinity account was removed from it a moment ago.`],
    closing: 'If it was not you, set a new password from the sign-in page, which signs out all devices.',
  });
}

/** At most one an hour: the attempts of an attacker must not fill the mailbox. */
export function signInLockedMail(to: Recipient, ipAddress: string, at: Date): Mail {
  return compose('sign_in_locked', to, {
    subject: 'Too many wrong passwords for your account',
    paragraphs: [
      `Somebody typed too many wrong passwords for your Meetinity account, the last one from ${ipAddress} on ` +
        `${at.toUTCString()}. Sign-ins from there are refused for a while. Devices that are signed in stay so.`,
    ],
    closing:
      'If it was you, wait a quarter of an hour or ask for a new password. If not, nobody got in, and there is nothing to do.',
  });
}

/** At most one an hour, as above. */
export function refreshTokenReusedMail(to: Recipient): Mail {
  return compose('refresh_token_reused', to, {
    subject: 'A device was signed out of your account',
    paragraphs: [
      'One of the devices that are signed in to your Meetinity account was signed out a moment ago, because its session was used from two places. The session may have been copied.',
      'Sign in again on that device. Your other devices stay signed in.',
    ],
    closing: 'If you cannot explain it, set a new password from the sign-in page, which signs out all devices.',
  });
}

/** For the owner of an address whose account may have been made by another person. */
export function firstAdministratorMail(to: Recipient, resetLink: string): Mail {
  return compose('first_administrator', to, {
    subject: 'You are an administrator now',
    paragraphs: [
      'The operator of this Meetinity service has named this address as an administrator, and your account is one now.',
      SET_ANEW,
    ],
    action: { label: 'Set a new password', link: resetLink },
    closing: 'If you know nothing of this, tell the operator.',
  });
}

/** For an address that nothing is kept of any more once this is sent. */
export function accountDeletedMail(to: Recipient): Mail {
  return compose('account_deleted', to, {
    subject: 'Your account was deleted',
    paragraphs: ['Your Meetinity account was deleted a moment ago, as you asked, with everything that belonged to it.'],
    closing: 'If it was not you, somebody knew your password: change it wherever else you use it.',
  });
}
