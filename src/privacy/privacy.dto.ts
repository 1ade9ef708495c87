import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import type { SubjectEntry } from '../audit/audit-subjects.js';
import { FactorBody } from '../auth/mfa/mfa.dto.js';
import { CodePointLength, OptionalField } from '../common/dto/text-fields.js';
import { PreferencesBody } from '../preferences/preferences.dto.js';
import type { Session } from '../sessions/session.entity.js';
import { SessionBody, toSession } from '../sessions/sessions.dto.js';
import type { FormerEmail } from '../users/emails/former-email.entity.js';
import { IdentityBody, toIdentityResponse } from '../users/identities/identities.dto.js';
import type { Identity } from '../users/identities/identity.entity.js';
import { ProfileDetailsBody } from '../users/details/profile-details.dto.js';
import { ProfileBody } from '../users/profile.dto.js';

export class EraseBody {
  @ApiPropertyOptional({
    description: 'Counts as an authentication, unless the account has a second factor',
    // What Swagger UI fills in must not delete the account that its other examples make.
    example: '',
  })
  @OptionalField()
  @IsString()
  @CodePointLength(0, 1024)
  password?: string;
}

const nullable = { type: String, nullable: true } as const;
const values = { type: Object, nullable: true } as const;

export class ExportedProfileBody extends ProfileBody {
  @ApiPropertyOptional({ description: 'A former spelling of the address, which still finds the account' })
  email_legacy?: string;
}

export class ExportedIdentityBody extends IdentityBody {
  @ApiProperty({ description: 'Id of the account at the provider' }) provider_user_id: string;
}

/** Includes ended sessions, which are kept for a while. */
export class ExportedSessionBody extends SessionBody {
  @ApiProperty({ ...nullable, format: 'date-time' }) revoked_at: string | null;
  @ApiProperty(nullable) revoked_reason: string | null;
  @ApiProperty({ format: 'date-time', description: 'Last authentication by the user' }) auth_time: string;
  @ApiProperty({ type: [String], example: ['pwd'], description: 'Authentication methods (RFC 8176)' }) amr: string[];
  @ApiProperty({ enum: ['aal1', 'aal2'] }) acr: string;
}

export class ExportedEntryBody {
  @ApiProperty({ example: '42' }) id: string;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ ...nullable, format: 'uuid', description: 'The user, or null for another person' }) actor_id:
    string | null;
  @ApiProperty({ ...nullable, format: 'uuid', description: 'The user, or null for another person' }) target_id:
    string | null;
  @ApiProperty({ example: 'profile.updated' }) action: string;
  @ApiProperty(nullable) reason: string | null;
  @ApiProperty(nullable) ip_address: string | null;
  @ApiProperty(nullable) request_id: string | null;
  @ApiProperty(values) before: Record<string, unknown> | null;
  @ApiProperty(values) after: Record<string, unknown> | null;
}

export class FormerEmailBody {
  @ApiProperty({ format: 'email' }) email: string;
  @ApiProperty({ format: 'date-time', description: 'Reserved for three days from then on' }) changed_at: string;
}

export class ExportBody {
  @ApiProperty({ format: 'date-time' }) exported_at: string;
  @ApiProperty({ type: ExportedProfileBody }) profile: ExportedProfileBody;
  @ApiProperty({ type: [FormerEmailBody], description: 'Addresses that the user has changed and can get back' })
  former_emails: FormerEmailBody[];
  @ApiProperty({ type: ProfileDetailsBody, nullable: true }) details: ProfileDetailsBody | null;
  @ApiProperty({ type: PreferencesBody }) preferences: PreferencesBody;
  @ApiProperty({ type: [ExportedIdentityBody] }) identities: ExportedIdentityBody[];
  @ApiProperty({ type: [FactorBody] }) factors: FactorBody[];
  @ApiProperty({ type: [ExportedSessionBody] }) sessions: ExportedSessionBody[];
  @ApiProperty({ type: [ExportedEntryBody] }) audit: ExportedEntryBody[];
}

export function toFormerEmail({ email, changedAt }: FormerEmail): FormerEmailBody {
  return { email, changed_at: changedAt.toISOString() };
}

export function toExportedIdentity(identity: Identity): ExportedIdentityBody {
  return { ...toIdentityResponse(identity), provider_user_id: identity.providerUserId };
}

export function toExportedSession(session: Session, currentId: string): ExportedSessionBody {
  return {
    ...toSession(session, currentId),
    revoked_at: session.revokedAt?.toISOString() ?? null,
    revoked_reason: session.revokedReason,
    auth_time: session.authTime.toISOString(),
    amr: session.amr,
    acr: session.acr,
  };
}

export function toExportedEntry(entry: SubjectEntry): ExportedEntryBody {
  return { ...entry, at: entry.at.toISOString() };
}
