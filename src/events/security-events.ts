const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/';
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';

/** Event types of CAEP 1.0 and RISC. RISC's `identifier-changed` would name the old address. */
const URIS = {
  'session.revoked': `${CAEP}session-revoked`,
  'sessions.revoked_all': `${CAEP}session-revoked`,
  'credential.changed': `${CAEP}credential-change`,
  'account.disabled': `${RISC}account-disabled`,
  'account.enabled': `${RISC}account-enabled`,
  'identifier.changed': `${RISC}recovery-information-changed`,
  'account.purged': `${RISC}account-purged`,
} as const;

export type SecurityEventType = keyof typeof URIS;
export const SECURITY_EVENT_TYPES = Object.keys(URIS) as SecurityEventType[];

/** CAEP's words, `federated` for an identity of a provider, and `recovery-codes`. */
export type CredentialType = 'password' | 'federated' | 'app' | 'fido2-platform' | 'fido2-roaming' | 'recovery-codes';

export interface SecurityEvent {
  type: SecurityEventType;
  /** Only of `session.revoked`. */
  sessionId?: string;
  /** Members of the event, such as `credential_type`. */
  details?: Record<string, unknown>;
}

export function credentialChanged(
  credential: CredentialType,
  change: 'create' | 'revoke' | 'update' | 'delete',
): SecurityEvent {
  return { type: 'credential.changed', details: { credential_type: credential, change_type: change } };
}

/** A Security Event Token (RFC 8417) without `jti` and `iat`, which the row of the event has. */
export function toEventToken(
  { type, sessionId, details = {} }: SecurityEvent,
  userId: string,
  iss: string,
  aud: string,
) {
  const user = { format: 'iss_sub', iss, sub: userId };
  const session = { format: 'opaque', id: sessionId };
  const subject = sessionId === undefined ? user : { format: 'complex', session, user };
  return { iss, aud, sub_id: subject, events: { [URIS[type]]: details } };
}
