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
  closing: string;
}

/** What happened to the second factors of an account; also the verb of the audit entry. */
export type FactorChange =
  'factor_added' | 'factor_removed' | 'codes_replaced' | 'recovery_code_used' | 'totp_suspended';

/** All texts of mails in one language. */
export interface Texts {
  direction: 'ltr' | 'rtl';
  greeting(name: string | null): string;
  linkHint: string;
  passwordReset: Content;
  /** @param cleared whether the profile was cleared, because the address had never been confirmed */
  passwordChanged(cleared: boolean): Content;
  verification: Content;
  alreadyRegistered: Content;
  /** @param eviction null if the account kept everything */
  accountLinked(provider: string, eviction: Eviction | null): Content;
  accountUnlinked(provider: string): Content;
  factorChanged(change: FactorChange): Content;
  signInLocked(ipAddress: string, at: Date): Content;
  passwordDisabled: Content;
  refreshTokenReused: Content;
  firstAdministrator: Content;
  accountDeleted: Content;
}
