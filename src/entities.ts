import { AuditLog } from './audit/audit-log.entity.js';
import { AuditLeaf } from './audit/witness/audit-leaf.entity.js';
import { AuditSalt } from './audit/witness/audit-salt.entity.js';
import { AuditRedaction } from './audit/audit-redaction.entity.js';
import { RecoveryCode } from './auth/mfa/recovery-code.entity.js';
import { TotpFactor } from './auth/mfa/totp-factor.entity.js';
import { Passkey } from './auth/passkeys/passkey.entity.js';
import { OneTimeToken } from './users/links/one-time-token.entity.js';
import { SigningKey } from './auth/keys/signing-key.entity.js';
import { EphemeralValue } from './redis/ephemeral-value.entity.js';
import { QueuedMail } from './mail/queued-mail.entity.js';
import { OutboxEvent } from './events/outbox-event.entity.js';
import { Preferences } from './preferences/preferences.entity.js';
import { ServiceCredential } from './services/service-credential.entity.js';
import { Session } from './sessions/session.entity.js';
import { AvatarRemoval } from './users/avatars/avatar-removal.entity.js';
import { ProfileDetails } from './users/details/profile-details.entity.js';
import { FormerEmail } from './users/emails/former-email.entity.js';
import { LegacyId } from './users/legacy-id.entity.js';
import { Identity } from './users/identities/identity.entity.js';
import { User } from './users/user.entity.js';

/** All tables. */
export const entities = [
  User,
  Identity,
  LegacyId,
  FormerEmail,
  Preferences,
  Session,
  ServiceCredential,
  OneTimeToken,
  SigningKey,
  QueuedMail,
  TotpFactor,
  RecoveryCode,
  Passkey,
  OutboxEvent,
  AuditLog,
  AuditRedaction,
  AuditLeaf,
  AuditSalt,
  EphemeralValue,
  AvatarRemoval,
  ProfileDetails,
];
