import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, ValidateIf } from 'class-validator';
import { AuditEntryBody } from '../audit/audit.dto.js';
import { NormalizedText, ShownText } from '../common/dto/text-fields.js';
import { PreferencesBody } from '../preferences/preferences.dto.js';
import { SessionBody } from '../sessions/sessions.dto.js';
import { ProfileDetailsBody } from '../users/details/profile-details.dto.js';
import { IdentityBody } from '../users/identities/identities.dto.js';
import type { Role } from '../users/user.entity.js';
import { ROLES } from '../users/user.entity.js';
import { AdminUserBody } from './user-list.dto.js';

const text = { type: String, nullable: true } as const;

/** Without the fields that are encrypted at rest. */
export class AdminUserDetailBody extends AdminUserBody {
  @ApiProperty({ ...text, description: 'Reason of the last change of `is_active`' }) status_reason: string | null;
  @ApiProperty({ ...text, format: 'date-time' }) status_changed_at: string | null;
  @ApiProperty({ ...text, format: 'uuid' }) status_changed_by: string | null;
  @ApiProperty({ type: ProfileDetailsBody, nullable: true }) details: ProfileDetailsBody | null;
  @ApiProperty({ type: PreferencesBody }) preferences: PreferencesBody;
  @ApiProperty({ type: [IdentityBody] }) identities: IdentityBody[];
  @ApiProperty({ type: [SessionBody], description: 'Live sessions' }) sessions: SessionBody[];
  @ApiProperty({ type: [AuditEntryBody], description: 'The last 20 about the user' }) audit: AuditEntryBody[];
}

const isGiven = (value: unknown) => value !== undefined && value !== null;

/** 3 to 500 characters, trimmed; optional where `isRequired` is false. */
export function Reason<T>(isRequired: (body: T) => boolean) {
  return (target: object, property: string) => {
    for (const decorate of [
      ApiPropertyOptional({ ...text, minLength: 3, maxLength: 500, example: 'Terms violation' }),
      NormalizedText(),
      ValidateIf((body, value) => isGiven(value) || isRequired(body as T)),
      ShownText(3, 500),
    ])
      decorate(target, property);
  };
}

export class StatusBody {
  @ApiProperty()
  @IsBoolean()
  is_active: boolean;

  /** Required to deactivate. */
  @Reason<StatusBody>((body) => body.is_active === false)
  reason?: string | null;
}

export class RoleBody {
  @ApiProperty({ enum: ROLES })
  @IsIn(ROLES)
  role: Role;

  @Reason(() => false)
  reason?: string | null;
}

export class RevokeSessionsBody {
  @Reason(() => false)
  reason?: string | null;
}
