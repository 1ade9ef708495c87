import type { Provider } from '../config/settings.auth.js';
import { compose, composeNotice, type Recipient } from './compose.js';
import type { Eviction, FactorChange, Notice } from './locales/texts.js';

const PROVIDER_NAMES = { google: 'Google', linkedin: 'LinkedIn' } as const;

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
