import type { Texts } from './texts.js';

const cleared =
  'This address had never been confirmed, so another person may have created the account. We have therefore cleared its profile.';
const passwordRemoved =
  'We could not tell whether you chose the password of this account, so we removed it and signed out all devices. Use the link' +
  ' below to set a new one. It works once, within one hour; after that, request a new link on the sign-in page.';
const setPassword = 'Set a new password';

export const en: Texts = {
  direction: 'ltr',
  greeting: (name) => (name ? `Hello ${name},` : 'Hello,'),
  linkHint: 'If the button does not work, open this address:',
  passwordReset: {
    subject: 'Set a new password',
    paragraphs: [
      'We received a request to reset the password of your Meetinity account. The link works once, within one hour.',
    ],
    label: setPassword,
    closing: 'If you did not request this, ignore this message. Your password stays the same.',
  },
  passwordChanged: (wasCleared) => ({
    subject: 'Your password was changed',
    paragraphs: [
      'The password of your Meetinity account was just changed, and your other devices were signed out.',
      ...(wasCleared ? [cleared] : []),
    ],
    closing: 'If you did not do this, reset your password on the sign-in page right away.',
  }),
  verification: {
    subject: 'Confirm your e-mail address',
    paragraphs: [
      'This address was used to create a Meetinity account. Please confirm that it is yours. The link works for 24 hours.',
    ],
    label: 'Confirm this address',
    closing: 'If you did not create an account, ignore this message.',
  },
  alreadyRegistered: {
    subject: 'You already have an account',
    paragraphs: [
      'Someone tried to register with this address. You already have an account, so nothing was changed.',
      'Sign in as usual, or use the link to set a new password. It works once, within one hour.',
    ],
    label: setPassword,
    closing: 'If this was not you, ignore this message.',
  },
  accountLinked: (provider, eviction) => ({
    subject: `You can now sign in with ${provider}`,
    paragraphs: [
      `A ${provider} account with this e-mail address was linked to your Meetinity account. You can use it to sign in.`,
      ...(eviction?.resetLink ? [passwordRemoved] : []),
      ...(eviction?.cleared ? [cleared] : []),
      ...(eviction && !eviction.cleared
        ? [
            'The profile was kept. If it is not yours, clear it in your profile settings, or delete the account there and sign in ' +
              `with ${provider} again.`,
          ]
        : []),
    ],
    label: setPassword,
    closing: 'If you did not do this, unlink it in your account settings and change your password.',
  }),
  accountUnlinked: (provider) => ({
    subject: `${provider} was unlinked from your account`,
    paragraphs: [
      `The ${provider} account was just unlinked from your Meetinity account. You can no longer use it to sign in.`,
    ],
    closing: 'If you did not do this, reset your password on the sign-in page. That signs out all devices.',
  }),
  factorChanged: (change) => {
    const [subject, paragraph] = {
      factor_added: ['A sign-in factor was added', 'A second factor was just added to your Meetinity account.'],
      factor_removed: ['A sign-in factor was removed', 'A second factor was just removed from your Meetinity account.'],
      codes_replaced: [
        'Your recovery codes were replaced',
        'New recovery codes were just made. The old ones are void.',
      ],
      recovery_code_used: ['A recovery code was used', 'A recovery code of your Meetinity account was just used.'],
      totp_suspended: [
        'Codes of your authenticator app are suspended',
        'There were too many wrong codes in a row. A recovery code signs you in and lifts the suspension.',
      ],
    }[change] as [string, string];
    return {
      subject,
      paragraphs: [paragraph],
      closing:
        'If this was not you, reset your password on the sign-in page, which signs out all devices, and check your factors.',
    };
  },
  signInLocked: (ipAddress, at) => ({
    subject: 'Too many wrong passwords for your account',
    paragraphs: [
      `There were too many sign-in attempts with a wrong password, the last one from ${ipAddress} on ` +
        `${at.toUTCString()}. Sign-ins from there are blocked for a while. Your devices stay signed in.`,
    ],
    closing:
      'If this was you, wait 15 minutes or reset your password. If not, there is nothing to do: no one signed in.',
  }),
  passwordDisabled: {
    subject: 'Your password was disabled',
    paragraphs: [
      'There were too many wrong passwords in a row for your Meetinity account. Your password now works only from where you have ' +
        'signed in before. Your devices stay signed in.',
      'To use a password everywhere again, set a new one. The link works once, within one hour; after that, request a new link on the sign-in page.',
    ],
    label: setPassword,
    closing: 'None of these attempts succeeded.',
  },
  refreshTokenReused: {
    subject: 'A device was signed out of your account',
    paragraphs: [
      'One of your devices was just signed out of your Meetinity account, because its session was used in two places and may have been copied.',
      'Sign in again on that device. Your other devices stay signed in.',
    ],
    closing: 'If you cannot explain this, reset your password on the sign-in page. That signs out all devices.',
  },
  firstAdministrator: {
    subject: 'You are now an administrator',
    paragraphs: ['The operator of this Meetinity service has made your account an administrator.', passwordRemoved],
    label: setPassword,
    closing: 'If you did not expect this, contact the operator.',
  },
  accountDeleted: {
    subject: 'Your account was deleted',
    paragraphs: ['As you requested, your Meetinity account and all of its data were just deleted.'],
    closing: 'If you did not do this, someone else knew your password: change it wherever else you use it.',
  },
};
