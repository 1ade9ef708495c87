/**
 * Every table of the schema, and what becomes of what it holds of a person: under which name the export shows it, and how an
 * erasure takes it away. A table that is not here fails the first spec; one that is here and keeps something, the others.
 */
export const TABLES: Record<
  string,
  { exported: string | { not: string }; erased: 'deleted' | 'blanked' | { not: string } }
> = {
  users: { exported: 'profile', erased: 'deleted' },
  user_preferences: { exported: 'preferences', erased: 'deleted' },
  user_profile_details: { exported: 'details', erased: 'deleted' },
  user_identities: { exported: 'identities', erased: 'deleted' },
  mfa_factors: { exported: 'factors', erased: 'deleted' },
  recovery_codes: { exported: { not: 'MACs of secrets' }, erased: 'deleted' },
  former_emails: { exported: 'former_emails', erased: 'deleted' },
  webauthn_credentials: { exported: 'factors', erased: 'deleted' },
  user_sessions: { exported: 'sessions', erased: 'deleted' },
  audit_logs: { exported: 'audit', erased: 'blanked' },
  audit_redactions: {
    exported: { not: 'written after the account is gone' },
    erased: { not: 'an id, until the audit of the deleted user is redacted' },
  },
  audit_leaves: {
    exported: { not: 'hashes of the audit, which is exported' },
    erased: { not: 'hashes that say nothing once the salt is deleted' },
  },
  audit_salts: { exported: { not: 'random bytes' }, erased: 'deleted' },
  avatar_removals: {
    exported: { not: 'the random name of a picture that is not shown any more' },
    erased: { not: 'a random name, until that file is gone' },
  },
  one_time_tokens: {
    exported: { not: 'hashes of links; that they were asked for stands in the audit' },
    erased: 'deleted',
  },
  outbox_events: {
    exported: { not: 'name and address of the profile, on their way to other services' },
    erased: 'blanked',
  },
  ephemeral_values: {
    exported: { not: 'lives for minutes, under keys without a person' },
    erased: { not: 'lives for minutes' },
  },
  mail_queue: {
    exported: { not: 'messages on their way to the mailbox, encrypted' },
    erased: { not: 'deleted; the notice of the erasure itself follows' },
  },
  service_credentials: { exported: { not: 'no person' }, erased: { not: 'no person' } },
  signing_keys: { exported: { not: 'no person' }, erased: { not: 'no person' } },
  legacy_ids: {
    exported: { not: 'the old id stands in the audit' },
    erased: { not: 'ids alone stay, so that no import brings the user back' },
  },
  migrations: { exported: { not: 'no person' }, erased: { not: 'no person' } },
};

const each = (columns: string, why: string) => Object.fromEntries(columns.split(' ').map((column) => [column, why]));

/** Columns that the export leaves out, and why. */
export const NOT_EXPORTED: Record<string, string> = {
  ...each(
    'user_preferences.user_id user_profile_details.user_id user_identities.user_id mfa_factors.user_id webauthn_credentials.user_id user_sessions.user_id',
    'the id of the profile',
  ),
  'users.password_hash': 'a secret; has_password says that there is one',
  'users.password_generation': 'counts changes of the password',
  'users.mfa_reset_at': 'the moment stands in the audit',
  'users.password_failures': 'wrong passwords of others, too',
  'former_emails.user_id': 'the id of the profile',
  'former_emails.email_legacy': 'a spelling of the same',
  'former_emails.email_verified_at': 'the moment stands in the audit',
  'users.oauth_id': 'mirrors an identity, which is exported',
  'users.password_proven_at': 'the moment stands in the audit',
  'users.passkey_status': 'part of the same',
  'users.email_verified_at': 'is_verified; the moment stands in the audit',
  'users.status_reason': 'the reason stands in the audit',
  'users.status_changed_at': 'the moment stands in the audit',
  'users.status_changed_by': 'another person',
  'user_preferences.id': 'means nothing outside of the table',
  'user_profile_details.updated_at': 'the moment stands in the audit',
  'user_identities.id': 'means nothing outside of the table',
  'mfa_factors.secret': 'a secret',
  'mfa_factors.last_step': 'last_used, in steps of 30 seconds',
  'mfa_factors.failures': 'wrong codes of others, too',
  'mfa_factors.confirmed_at': 'the moment stands in the audit',
  ...each(
    'webauthn_credentials.transports webauthn_credentials.backed_up webauthn_credentials.last_used_at',
    'shown by GET /users/passkeys',
  ),
  ...each(
    'webauthn_credentials.credential_id webauthn_credentials.public_key webauthn_credentials.counter webauthn_credentials.backup_eligible webauthn_credentials.rp_id',
    'means nothing outside of the authenticator',
  ),
  'user_sessions.refresh_token': 'the hash of a secret',
  'user_sessions.counter': 'how often the token was exchanged, which last_used says better',
  'user_sessions.rotated_at': 'part of the same',
  'user_sessions.legacy_token': 'part of the same',
  'user_sessions.previous_expires_at': 'when it was rotated could be told from it',
};

/** Columns that hold an id and are not the table's own key: what may point at a person. */
export const POINTERS: Record<string, string> = {
  ...each(
    'user_preferences.user_id user_profile_details.user_id user_identities.user_id user_sessions.user_id mfa_factors.user_id recovery_codes.user_id webauthn_credentials.user_id former_emails.user_id one_time_tokens.user_id',
    'deleted by cascade',
  ),
  'outbox_events.user_id': 'the id alone stays, so that consumers learn of the end',
  'outbox_events.event_id': 'no person',
  'mail_queue.user_id': 'deleted; of the notice of the erasure, for a day',
  'audit_logs.actor_id': 'the id alone stays',
  'audit_logs.target_id': 'the id alone stays',
  'legacy_ids.user_id': 'the id alone stays, with the time of the erasure',
  'audit_redactions.user_id': 'the id alone, for a while',
  'audit_salts.person_id': 'deleted with the account',
  'users.status_changed_by': 'only the id stays, of the admin who changed another user',
};
