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
  notice: {
    time: 'Time',
    device: 'Device',
    network: 'Network',
    on: 'on',
    label: 'This was not me',
    hint:
      'If this was not you, open the link within 72 hours. It signs out all devices, disables your password until you set a new' +
      ' one, and undoes what has been changed since about how to sign in.',
  },
  pages: {
    account: 'Account',
    toApp: 'Go to Meetinity',
    reset: {
      title: setPassword,
      text: '8 to 128 characters that are hard to guess, such as three or four unrelated words.',
      password: 'New password',
      repeat: 'Repeat the password',
      code: 'Recovery code',
      button: 'Set the password',
    },
    resetDone: {
      title: 'Your new password is set',
      text: 'You can now sign in with it. Your other devices were signed out.',
    },
    verify: {
      title: 'Confirm your e-mail address',
      text: 'Please confirm that this e-mail address is yours.',
      password: 'Your password, if you chose one (optional)',
      hint: 'It proves that you created the account yourself, so that you can keep your password.',
      button: 'Confirm the address',
    },
    verifyDone: {
      title: 'Your address is confirmed',
      again: 'Your address is already confirmed',
      text: 'Thank you. You can close this page.',
    },
    wrongPassword: 'The password is wrong',
    notMe: {
      title: 'This was not me',
      text:
        'All devices are signed out, the password no longer works, and what has been added since to sign in with is removed.' +
        ' If the account has a password, you get a link to set a new one.',
      restores: (email) => `The address of the account becomes ${email} again.`,
      code: 'Code of your authenticator app, or a recovery code',
      hint: 'It must have belonged to the account before the event.',
      button: 'Secure my account',
    },
    notMeDone: {
      title: 'Your account is secured',
      text: 'All devices were signed out. If the account has a password, set a new one with the link that we have sent to you.',
    },
    passkey: 'Use a passkey',
    wrongPasskey: 'The passkey is not valid here',
    wrongCode: 'The code is wrong, or was used already',
    linkDead: {
      title: 'This link no longer works',
      text: 'It has already been used or has expired. Request a new one on the sign-in page.',
    },
    failure: { title: 'Something went wrong', text: 'Please try again in a moment.' },
    errors: {},
  },
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
  }),
  accountUnlinked: (provider) => ({
    subject: `${provider} was unlinked from your account`,
    paragraphs: [
      `The ${provider} account was just unlinked from your Meetinity account. You can no longer use it to sign in.`,
    ],
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
    return { subject, paragraphs: [paragraph] };
  },
  mfaReset: (hours) => ({
    subject: 'Your second factors will be removed',
    paragraphs: [
      `An administrator was asked to remove all second factors and passkeys of your Meetinity account. That happens in ${hours} hours.`,
      'If you still have one of them, sign in with it: that cancels the removal.',
    ],
  }),
  newDevice: {
    subject: 'New sign-in to your account',
    paragraphs: [
      'Your Meetinity account was signed in to on a device or from a network that it had not been used with.',
    ],
  },
  signInLocked: {
    subject: 'Too many wrong passwords for your account',
    paragraphs: [
      'There were too many sign-in attempts with a wrong password. Sign-ins from there are blocked for a while. Your devices' +
        ' stay signed in.',
      'If this was you, try again later or reset your password. If not, there is nothing to do: no one signed in.',
    ],
  },
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
  },
  emailChange: {
    subject: 'Confirm your new e-mail address',
    paragraphs: [
      'You asked to use this address for your Meetinity account. It replaces the present one as soon as you confirm it. The' +
        ' link works for 24 hours.',
    ],
    label: 'Confirm the new address',
    closing: 'If you did not ask for this, ignore this message. Nothing changes.',
  },
  emailChangeRequested: {
    subject: 'Your e-mail address is to be changed',
    paragraphs: [
      'A new e-mail address was requested for your Meetinity account. It replaces this one once it has been confirmed.',
    ],
  },
  emailChanged: {
    subject: 'Your e-mail address was changed',
    paragraphs: [
      'Your Meetinity account now has another e-mail address. This one no longer signs in.',
      'No one else can use this address for an account for 72 hours, so that you can get it back.',
    ],
  },
  addressTaken: {
    subject: 'You already have an account',
    paragraphs: [
      'Someone tried to use this address for another Meetinity account. It belongs to your account, so nothing was changed.',
    ],
    closing: 'If this was not you, ignore this message.',
  },
  roleChanged: (role) => ({
    subject: 'Your role was changed',
    paragraphs: [
      `An administrator changed the role of your Meetinity account to ${
        { user: 'member', moderator: 'moderator', admin: 'administrator' }[role]
      }. All devices were signed out.`,
    ],
  }),
  statusChanged: (isActive) => ({
    subject: isActive ? 'Your account was reactivated' : 'Your account was deactivated',
    paragraphs: [
      isActive
        ? 'An administrator reactivated your Meetinity account. You can sign in again.'
        : 'An administrator deactivated your Meetinity account. All devices were signed out. To object, contact the operator.',
    ],
  }),
  firstAdministrator: {
    subject: 'You are now an administrator',
    paragraphs: ['The operator of this Meetinity service has made your account an administrator.', passwordRemoved],
    label: setPassword,
    closing: 'If you did not expect this, contact the operator.',
  },
  invitation: {
    subject: 'You have a Meetinity account',
    paragraphs: [
      'An administrator has created a Meetinity account for this address. Use the link below to choose a password. It works once, ' +
        'within one hour; after that, request a new link on the sign-in page.',
    ],
    label: 'Choose a password',
    closing: 'If you did not expect this, ignore this message.',
  },
  accountDeleted: {
    subject: 'Your account was deleted',
    paragraphs: ['Your Meetinity account and all of its data were just deleted.'],
    closing:
      'If you did not ask for this, contact the operator, and change the password of the account wherever else you use it.',
  },
};
