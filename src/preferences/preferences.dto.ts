import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn } from 'class-validator';
import { IntField, TagListField } from '../common/dto/list-fields.js';
import { OptionalField } from '../common/dto/text-fields.js';
import { PROFILE_VISIBILITIES } from './preferences.entity.js';
import type { Preferences, ProfileVisibility } from './preferences.entity.js';

/** Years. */
const AGES = { minimum: 18, maximum: 120 };
/** Kilometres, up to half of the equator. */
export const RADIUS = { minimum: 1, maximum: 20_000 };

const BooleanField = () => applyDecorators(ApiPropertyOptional(), OptionalField(), IsBoolean());

/** An omitted field stays; null is refused. */
export class UpdatePreferencesBody {
  @IntField(AGES, 25) age_min?: number;
  @IntField(AGES, 45) age_max?: number;
  @IntField(RADIUS, 30) location_radius?: number;
  @TagListField(['Technology', 'Finance']) industries?: string[];
  @TagListField(['Senior', 'Lead']) job_levels?: string[];
  @TagListField(['AI', 'Blockchain', 'Startups']) interests?: string[];
  @BooleanField() notification_email?: boolean;
  @BooleanField() notification_push?: boolean;

  @ApiPropertyOptional({ enum: PROFILE_VISIBILITIES })
  @OptionalField()
  @IsIn(PROFILE_VISIBILITIES)
  privacy_profile?: ProfileVisibility;

  @BooleanField() privacy_location?: boolean;
}

export class PreferencesBody {
  @ApiProperty({ type: 'integer', example: 18 }) age_min: number;
  @ApiProperty({ type: 'integer', example: 65 }) age_max: number;
  @ApiProperty({ type: 'integer', example: 50, description: 'Kilometres' }) location_radius: number;
  @ApiProperty({ type: [String], example: ['Technology'] }) industries: string[];
  @ApiProperty({ type: [String], example: ['Senior'] }) job_levels: string[];
  @ApiProperty({ type: [String], example: ['AI'] }) interests: string[];
  @ApiProperty() notification_email: boolean;
  @ApiProperty() notification_push: boolean;
  @ApiProperty({ enum: PROFILE_VISIBILITIES }) privacy_profile: ProfileVisibility;
  @ApiProperty({ description: 'false hides the location from other members' }) privacy_location: boolean;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ format: 'date-time' }) updated_at: string;
}

export function toPreferencesResponse(row: Preferences): PreferencesBody {
  return {
    age_min: row.ageMin,
    age_max: row.ageMax,
    location_radius: row.locationRadius,
    industries: row.industries,
    job_levels: row.jobLevels,
    interests: row.interests,
    notification_email: row.notificationEmail,
    notification_push: row.notificationPush,
    privacy_profile: row.privacyProfile,
    privacy_location: row.privacyLocation,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
