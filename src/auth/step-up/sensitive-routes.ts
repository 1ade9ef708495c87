interface Sensitive {
  /** The field of the body whose right password counts as an authentication; its handler must compare it. */
  password?: string;
}

/** Routes that need a recent authentication (OWASP ASVS 5.0, 7.5.1). Ending sessions needs none: it gives no access. */
export const SENSITIVE_ROUTES: Readonly<Record<string, Sensitive>> = {
  'POST /auth/password/change': { password: 'current_password' },
  'POST /auth/email/change': { password: 'password' },
  'GET /users/profile/export': {},
  'DELETE /users/profile': { password: 'password' },
  'DELETE /users/identities/:provider': {},
  'POST /users/mfa/totp': {},
  'POST /users/mfa/totp/:id/confirm': {},
  'POST /users/mfa/recovery-codes': {},
  'DELETE /users/mfa/:id': {},
  'POST /users/passkeys/options': {},
  'POST /users/passkeys': {},
  'DELETE /users/passkeys/:id': {},
};
