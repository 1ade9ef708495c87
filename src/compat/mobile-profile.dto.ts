import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsOptional } from 'class-validator';
import { IntField, ObjectField, TagListField } from '../common/dto/list-fields.js';
import { NormalizedText, NullableTextField, OptionalField, Satisfies, ShownText } from '../common/dto/text-fields.js';
import { isPlainText } from '../common/dto/text.js';
import { RADIUS } from '../preferences/preferences.dto.js';
import { ENTRIES_SCHEMA } from '../users/details/profile-details.dto.js';
import type { DetailEntry } from '../users/details/profile-details.entity.js';

const MAX_ENTRIES_BYTES = 16 * 1024;
const MAX_ENTRY_KEYS_ENTRIES = 12;
const MAX_NAME_CHARS = 64;

const isAddress = (name: string) => /^(url|href|link)$/i.test(name);
// A front end makes links of these: `javascript:` would run in its page.
const isWebAddress = (value: string) => value === '' || /^https?:\/\//i.test(value);

function isScalar(value: unknown, name = ''): boolean {
  if (typeof value === 'string') return isPlainText(value) && (!isAddress(name) || isWebAddress(value));
  return value === null || typeof value === 'boolean' || Number.isFinite(value);
}

function isEntry(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return typeof value === 'string' && isScalar(value);
  const pairs = Object.entries(value);
  return (
    pairs.length <= MAX_ENTRY_KEYS_ENTRIES &&
    pairs.every(([name, inner]) => name.length <= MAX_NAME_CHARS && isPlainText(name) && isScalar(inner, name))
  );
}

/** Browsers pass over blanks and controls in the scheme. */
const isScript = (value: unknown) =>
  typeof value === 'string' && /^(javascript|vbscript|data):/i.test(value.replace(/[\s\p{C}]/gu, ''));

const fits = (value: unknown) => Buffer.byteLength(JSON.stringify(value) ?? '') <= MAX_ENTRIES_BYTES;

/** At most 50 texts, or flat objects of texts, numbers and flags, in 16 KiB of JSON; web addresses only where a link is named. */
function EntryListField() {
  return applyDecorators(
    ApiPropertyOptional(ENTRIES_SCHEMA),
    OptionalField(),
    IsArray(),
    ArrayMaxSize(50),
    Satisfies(fits, 'too_large', `must be at most ${MAX_ENTRIES_BYTES} bytes of JSON`),
    Satisfies(isEntry, 'invalid_format', 'must be a text, or an object of texts, numbers and flags', true),
  );
}

class MobilePreferencesBody {
  @IntField(RADIUS, 30) discoveryRadiusKm?: number;
  @TagListField(['Technology']) industries?: string[];
  @TagListField(['AI']) interests?: string[];
  @TagListField(['Meetup']) eventTypes?: string[];
}

/** What the mobile app sends: a field that is missing stays as it is. */
export class UpdateMobileProfileBody {
  @ApiPropertyOptional({ format: 'uuid', description: 'Of the own profile, where it is sent' })
  @IsOptional()
  id?: string;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Not changed here; `POST /profile/avatar` does' })
  @IsOptional()
  avatarUrl?: string | null;

  @ApiPropertyOptional({ example: 'John Doe', minLength: 1, maxLength: 255 })
  @OptionalField()
  @NormalizedText()
  @ShownText(1, 255)
  fullName?: string;

  @NullableTextField(255, 'Builds bridges between product and code') headline?: string | null;
  @NullableTextField(2000, 'Software Engineer', { lines: true }) bio?: string | null;
  @NullableTextField(255, 'San Francisco, CA') location?: string | null;
  @NullableTextField(255, 'Evenings') availability?: string | null;
  @NullableTextField(255, 'Tech Corp') company?: string | null;
  @NullableTextField(255, 'Software Engineer') position?: string | null;
  @TagListField(['AI']) interests?: string[];
  @TagListField(['TypeScript']) skills?: string[];
  @EntryListField() experiences?: DetailEntry[];
  @EntryListField()
  @Satisfies((link) => !isScript(link), 'invalid_format', 'must be a web address', true)
  links?: DetailEntry[];

  @OptionalField()
  @ObjectField(() => MobilePreferencesBody)
  preferences?: MobilePreferencesBody;
}

export class MobilePreferences {
  @ApiProperty({ type: 'integer', example: 50 }) discoveryRadiusKm: number;
  @ApiProperty({ type: [String] }) industries: string[];
  @ApiProperty({ type: [String] }) interests: string[];
  @ApiProperty({ type: [String] }) eventTypes: string[];
}

/** The profile in the app's words. Absent texts are missing, which is how the app reads them; `headline` is then empty. */
export class MobileProfile {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ example: 'John Doe' }) fullName: string;
  @ApiProperty() headline: string;
  @ApiPropertyOptional() bio?: string;
  @ApiProperty({ type: [String] }) interests: string[];
  @ApiPropertyOptional() location?: string;
  @ApiPropertyOptional() availability?: string;
  @ApiPropertyOptional() company?: string;
  @ApiPropertyOptional() position?: string;
  @ApiProperty({ type: [String] }) skills: string[];
  @ApiProperty(ENTRIES_SCHEMA) experiences: DetailEntry[];
  @ApiProperty(ENTRIES_SCHEMA) links: DetailEntry[];
  @ApiProperty({ type: MobilePreferences }) preferences: MobilePreferences;
  @ApiPropertyOptional() avatarUrl?: string;
}
