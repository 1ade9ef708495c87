export type MailKind =
  | 'password_reset'
  | 'password_changed'
  | 'email_verification'
  | 'already_registered'
  | 'account_linked'
  | 'account_unlinked'
  | 'factor_changed'
  | 'mfa_reset'
  | 'new_device'
  | 'email_change'
  | 'email_change_requested'
  | 'email_changed'
  | 'address_taken'
  | 'role_changed'
  | 'status_changed'
  | 'sign_in_locked'
  | 'password_disabled'
  | 'refresh_token_reused'
  | 'first_administrator'
  | 'invitation'
  | 'account_deleted';

/** Sent after the account is deleted. */
export const ERASURE_NOTICE: MailKind = 'account_deleted';

export interface Mail {
  kind: MailKind;
  /** Logged in place of the address. */
  userId: string;
  /** Without a display name, so that no user's text is in a header. */
  to: string;
  subject: string;
  text: string;
  html: string;
  /** For the development log. */
  link: string | null;
}
