import { InitialSchema1795536000000 } from './1795536000000-InitialSchema.js';
import { AuditLog1795536060000 } from './1795536060000-AuditLog.js';
import { ConcurrentIndexes1795536120000 } from './1795536120000-ConcurrentIndexes.js';
import { UserSearch1795536180000 } from './1795536180000-UserSearch.js';
import { EphemeralValues1795540000000 } from './1795540000000-EphemeralValues.js';
import { SessionNotifications1795550000000 } from './1795550000000-SessionNotifications.js';
import { AdminLists1795560000000 } from './1795560000000-AdminLists.js';
import { LeanOutbox1795570000000 } from './1795570000000-LeanOutbox.js';
import { RoomForChanges1795580000000 } from './1795580000000-RoomForChanges.js';
import { AuditRedactions1795590000000 } from './1795590000000-AuditRedactions.js';
import { AvatarRemovals1795600000000 } from './1795600000000-AvatarRemovals.js';
import { OneSpellingPerMailbox1795610000000 } from './1795610000000-OneSpellingPerMailbox.js';
import { TextNormalForm1795611000000 } from './1795611000000-TextNormalForm.js';
import { PasswordProof1795620000000 } from './1795620000000-PasswordProof.js';
import { SessionRotations1795630000000 } from './1795630000000-SessionRotations.js';
import { AvatarNames1795640000000 } from './1795640000000-AvatarNames.js';
import { AuditRoles1795650000000 } from './1795650000000-AuditRoles.js';
import { PasswordGeneration1795670000000 } from './1795670000000-PasswordGeneration.js';
import { ServiceCredentials1795700000000 } from './1795700000000-ServiceCredentials.js';
import { LegacyIds1795700001000 } from './1795700001000-LegacyIds.js';
import { AuditWitness1795710000000 } from './1795710000000-AuditWitness.js';
import { ProfileDetails1795720000000 } from './1795720000000-ProfileDetails.js';
import { AuthenticationContext1795730000000 } from './1795730000000-AuthenticationContext.js';
import { SecondFactors1795731000000 } from './1795731000000-SecondFactors.js';
import { MailQueue1795740000000 } from './1795740000000-MailQueue.js';
import { UserLocale1795741000000 } from './1795741000000-UserLocale.js';
import { SessionEnds1795750000000 } from './1795750000000-SessionEnds.js';
import { SigningKeys1795760000000 } from './1795760000000-SigningKeys.js';
import { SecurityEvents1795760100000 } from './1795760100000-SecurityEvents.js';
import { Passkeys1795770000000 } from './1795770000000-Passkeys.js';
import { SecurityNotices1795780000000 } from './1795780000000-SecurityNotices.js';
import { PasswordFailures1795790000000 } from './1795790000000-PasswordFailures.js';
import { MfaResets1795790100000 } from './1795790100000-MfaResets.js';

/** In the order they run. */
export const migrations = [
  InitialSchema1795536000000,
  AuditLog1795536060000,
  ConcurrentIndexes1795536120000,
  UserSearch1795536180000,
  EphemeralValues1795540000000,
  SessionNotifications1795550000000,
  AdminLists1795560000000,
  LeanOutbox1795570000000,
  RoomForChanges1795580000000,
  AuditRedactions1795590000000,
  AvatarRemovals1795600000000,
  OneSpellingPerMailbox1795610000000,
  TextNormalForm1795611000000,
  PasswordProof1795620000000,
  SessionRotations1795630000000,
  AvatarNames1795640000000,
  AuditRoles1795650000000,
  PasswordGeneration1795670000000,
  ServiceCredentials1795700000000,
  LegacyIds1795700001000,
  AuditWitness1795710000000,
  ProfileDetails1795720000000,
  AuthenticationContext1795730000000,
  SecondFactors1795731000000,
  MailQueue1795740000000,
  UserLocale1795741000000,
  SessionEnds1795750000000,
  SigningKeys1795760000000,
  SecurityEvents1795760100000,
  Passkeys1795770000000,
  SecurityNotices1795780000000,
  PasswordFailures1795790000000,
  MfaResets1795790100000,
];
