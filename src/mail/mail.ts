export type MailKind =
  | 'password_reset'
  | 'password_changed'
  | 'email_verification'
  | 'already_registered'
  | 'account_linked'
  | 'account_unlinked'
  | 'sign_in_locked'
  | 'refresh_token_reused'
  | 'first_administrator'
  | 'account_deleted';

export interface Mail {
  kind: MailKind;
  /** Whom it is about; the log names this and never the address. */
  userId: string;
  /** A bare address: no display name, so no text of a user stands in a header. */
  to: string;
  subject: string;
  text: string;
  html: string;
  /** The link it carries, for the development log. */
  link: string | null;
}
