import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import { OptionalField, Satisfies, ShownText, toText } from '../common/dto/text-fields.js';
import { foldCase } from '../common/dto/text.js';
import { PROFILE_VISIBILITIES } from './preferences.entity.js';
import type { Preferences, ProfileVisibility } from './preferences.entity.js';

/** Years. */
const AGES = { minimum: 18, maximum: 120 };
/** Kilometres; half of the equator is as far as anybody can be. */
const RADIUS = { minimum: 1, maximum: 20_000 };

function IntField({ minimum, maximum }: typeof AGES, example: number) {
  return applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum, maximum, example }),
    OptionalField(),
    IsInt(),
    Min(minimum),
    Max(maximum),
  );
}

// The library's own rule compares each with each, however many a request sends.
const isWithoutDoubles = (list: unknown) => Array.isArray(list) && new Set(list.map(folded)).size === list.length;
const folded = (entry: unknown) => (typeof entry === 'string' ? foldCase(entry) : entry);

const ENTRY = { type: 'string', minLength: 1, maxLength: 100 } as const;

/** At most 50 entries of 1 to 100 characters, trimmed, none twice; the list replaces the stored one. */
function TagListField(example: string[]) {
  return applyDecorators(
    ApiPropertyOptional({ type: 'array', items: ENTRY, maxItems: 50, uniqueItems: true, example }),
    Transform(({ value }) => (Array.isArray(value) ? value.map(toText) : value)),
    OptionalField(),
    IsArray(),
    ArrayMaxSize(50),
    Satisfies(isWithoutDoubles, 'duplicate', 'must not have an entry twice'),
    ShownText(1, 100, { each: true }),
  );
}

const BooleanField = () => applyDecorators(ApiPropertyOptional(), OptionalField(), IsBoolean());

/** An omitted field stays; none of them can be null. */
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

export function toPreferences(row: Preferences): PreferencesBody {
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
