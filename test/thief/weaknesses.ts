/** A fault that the thief must find: a text of the source, and what replaces it. */
export interface Weakness {
  name: string;
  /** Under src/. */
  files: string[];
  replace: string;
  by: string;
  /** Replaces every occurrence; otherwise there must be one. */
  all?: true;
}

const storedAsItIs = (name: string, ...files: string[]): Weakness => ({
  name: `${name} stored as it is`,
  files,
  replace: 'tokenHash(',
  by: '(',
  all: true,
});

export const weaknesses: Weakness[] = [
  {
    name: 'refresh tokens signed under JWT_SECRET',
    files: ['sessions/refresh-tokens.ts'],
    replace: 'const keys = ring.keys(PURPOSE).map((key) => ({ key, legacy: false }));',
    by: 'const keys = [{ key: deriveKey(secret, PURPOSE), legacy: false }];',
  },
  {
    name: 'purpose keys derived from JWT_SECRET',
    files: ['crypto/key-ring.ts'],
    replace: 'this.settings.encryptionKeys.map(({ key }) => deriveKey(key, purpose))',
    by: '[deriveKey(this.settings.jwt.secret, purpose)]',
  },
  {
    name: 'access tokens taken without the MAC in jti',
    files: ['auth/tokens/access-tokens.ts'],
    replace: "header.alg === 'ES256' || this.isBound(claims) ? claims : this.acceptUnbound(claims)",
    by: 'claims',
  },
  {
    name: 'used refresh tokens exchanged again',
    files: ['sessions/refresh-token-rotation.ts'],
    replace: 'if (!isParent || !current.within_grace || !sameClient) {',
    by: 'if (!isParent) {',
  },
  storedAsItIs(
    'refresh token',
    'sessions/sessions.service.ts',
    'sessions/refresh-tokens.ts',
    'sessions/refresh-token-rotation.ts',
  ),
  storedAsItIs('token of a mailed link', 'users/links/one-time-tokens.ts'),
  storedAsItIs('mfa_token', 'auth/mfa/mfa-tokens.ts'),
  storedAsItIs('code of a provider sign-in', 'auth/oauth/oauth-exchange.service.ts'),
  storedAsItIs('token of a service', 'services/service-credentials.service.ts'),
  {
    name: 'queued mails not encrypted',
    files: ['mail/mail-queue.ts'],
    replace: 'this.cipher.encrypt(id, CONTENTS_FIELD, JSON.stringify(mail))',
    by: 'JSON.stringify(mail)',
  },
  {
    name: 'TOTP secrets not encrypted',
    files: ['auth/mfa/totp-factors.ts'],
    replace: 'this.cipher.',
    all: true,
    by: '({ encrypt: (...given: string[]) => given[2], decrypt: (...given: string[]) => given[2] }).',
  },
  {
    name: 'recovery codes not hashed',
    files: ['auth/mfa/recovery-codes.ts'],
    replace: "return this.keys.keys(PURPOSE).map((key) => hmacSha256(key, message).toString('hex'));",
    by: 'return [message.slice(37)];',
  },
  {
    name: 'signatures of passkeys not checked',
    files: ['auth/passkeys/webauthn-responses.ts'],
    replace: 'if (!verified || !isOwner',
    by: 'if (!isOwner',
  },
  {
    name: 'access tokens in the log',
    files: ['common/http/access-log.ts'],
    replace: '        route,\n',
    by: '        route,\n        sent: request.headers.authorization,\n',
  },
  {
    name: 'ciphertexts not bound to their row',
    files: ['crypto/field-cipher.ts'],
    replace: '`user-field:${userId}`',
    by: "'user-field'",
  },
];
