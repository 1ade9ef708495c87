import type { ErrorType, Rule } from '../../common/errors.js';
import type { Device } from '../../common/http/device.js';

/** The result of an account eviction; the link sets a new password, null if there was none. */
export interface Eviction {
  cleared: boolean;
  resetLink: string | null;
}

export interface Content {
  subject: string;
  paragraphs: string[];
  /** Of the button, where the mail has a link. */
  label?: string;
  /** A notice ends with its own hint. */
  closing?: string;
}

/** When and where a security event happened; null where it is not known or private. */
export interface Notice {
  at: Date;
  device: Device | null;
  network: string | null;
  /** Undoes the event. */
  link: string;
}

/** What happened to the second factors of an account; also the verb of the audit entry. */
export type FactorChange =
  'factor_added' | 'factor_removed' | 'codes_replaced' | 'recovery_code_used' | 'totp_suspended';

/** Title, text and button of a page. */
interface Page {
  title: string;
  text: string;
  button: string;
}

/** Of the pages behind mailed links. */
export interface PageTexts {
  /** The label of the address of the account. */
  account: string;
  toApp: string;
  reset: Page & { password: string; repeat: string; code: string };
  resetDone: { title: string; text: string };
  verify: Page & { password: string; hint: string };
  verifyDone: { title: string; again: string; text: string };
  wrongPassword: string;
  notMe: Page & { restores(email: string): string; code: string; hint: string };
  notMeDone: { title: string; text: string };
  wrongCode: string;
  /** Of the button that uses a passkey in place of a password or a code. */
  passkey: string;
  wrongPasskey: string;
  linkDead: { title: string; text: string };
  failure: { title: string; text: string };
  /** Messages by rule or error type; English ones stand where the rule is checked. */
  errors: Partial<Record<Rule | ErrorType, string>>;
}

/** All texts of mails and pages in one language. */
export interface Texts {
  direction: 'ltr' | 'rtl';
  greeting(name: string | null): string;
  linkHint: string;
  notice: {
    time: string;
    device: string;
    network: string;
    /** Between the names of a browser and a system. */
    on: string;
    label: string;
    hint: string;
  };
  pages: PageTexts;
  passwordReset: Content;
  /** @param cleared whether the profile was cleared, because the address had never been confirmed */
  passwordChanged(cleared: boolean): Content;
  verification: Content;
  alreadyRegistered: Content;
  /** @param eviction null if the account kept everything */
  accountLinked(provider: string, eviction: Eviction | null): Content;
  accountUnlinked(provider: string): Content;
  factorChanged(change: FactorChange): Content;
  /** @param hours until all second factors are removed */
  mfaReset(hours: number): Content;
  newDevice: Content;
  signInLocked: Content;
  passwordDisabled: Content;
  refreshTokenReused: Content;
  /** For the new address. */
  emailChange: Content;
  /** For the present address. */
  emailChangeRequested: Content;
  emailChanged: Content;
  /** For the owner of an address that another user wants to have. */
  addressTaken: Content;
  roleChanged(role: 'user' | 'moderator' | 'admin'): Content;
  statusChanged(isActive: boolean): Content;
  firstAdministrator: Content;
  invitation: Content;
  accountDeleted: Content;
}
