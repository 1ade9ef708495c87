import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { isPossiblePhoneNumber } from 'libphonenumber-js/max';
import {
  NullableField,
  NullableTextField,
  NormalizedText,
  OptionalField,
  Satisfies,
  ShownText,
} from '../common/dto/text-fields.js';
import { isLocale, LOCALES } from '../mail/locales/locales.js';
import type { User } from './user.entity.js';

const MIN_AGE_YEARS = 18;

/** True for a real calendar day, `YYYY-MM-DD`. */
function isDay(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const day = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === value;
}

/** True for a day at least 18 and at most 130 years ago. */
export function isAdultBirthDate(value: unknown, now = new Date()): boolean {
  if (!isDay(value)) return false;
  // Compared as text: on 29 February there may be no such day 18 years ago.
  const latest = `${now.getUTCFullYear() - MIN_AGE_YEARS}${now.toISOString().slice(4, 10)}`;
  return value <= latest && Number(value.slice(0, 4)) >= now.getUTCFullYear() - 130;
}

/**
 * True for an https address on linkedin.com or a subdomain, without credentials or a port, that RFC 3986 and WHATWG parsers
 * read alike: the latter accept `https:host`, backslashes and line breaks.
 */
function isLinkedinUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !/^https:\/\/[^/\\\s\p{C}][^\\\s\p{C}]*$/iu.test(value) || !URL.canParse(value))
    return false;
  const { protocol, hostname, username, password, port } = new URL(value);
  return protocol === 'https:' && /(^|\.)linkedin\.com$/.test(hostname) && !username && !password && !port;
}

/** Checks the length only: number ranges change from month to month. */
const isPhoneNumber = (value: unknown) =>
  typeof value === 'string' && /^\+[1-9]\d{6,14}$/.test(value) && isPossiblePhoneNumber(value);

/** An omitted field stays, null clears it. */
export class UpdateProfileBody {
  @ApiPropertyOptional({ example: 'John Doe', minLength: 1, maxLength: 255 })
  @OptionalField()
  @NormalizedText()
  @ShownText(1, 255)
  name?: string;

  @NullableTextField(2000, 'Software Engineer passionate about networking', { lines: true })
  bio?: string | null;

  @NullableTextField(255, 'San Francisco, CA')
  location?: string | null;

  @NullableTextField(100, 'Technology')
  industry?: string | null;

  @NullableTextField(255, 'Senior Software Engineer')
  job_title?: string | null;

  @NullableTextField(255, 'Tech Corp')
  company?: string | null;

  @NullableTextField(500, 'https://linkedin.com/in/johndoe')
  @Satisfies(isLinkedinUrl, 'invalid_format', 'must be an https address on linkedin.com')
  linkedin_url?: string | null;

  @ApiPropertyOptional({ type: String, example: '+14155552671', nullable: true, description: 'E.164' })
  @NullableField()
  @Satisfies(
    isPhoneNumber,
    'invalid_format',
    'must be an E.164 number such as +14155552671, of a length its country uses',
  )
  phone?: string | null;

  @ApiPropertyOptional({ type: String, example: '1990-05-17', nullable: true, format: 'date' })
  @NullableField()
  @Satisfies(isDay, 'invalid_format', 'must be a date (YYYY-MM-DD)')
  @Satisfies(isAdultBirthDate, 'out_of_range', 'must be at least 18 years ago')
  date_of_birth?: string | null;

  @NullableTextField(20, 'female')
  gender?: string | null;

  @ApiPropertyOptional({ enum: LOCALES, example: 'fr' })
  @OptionalField()
  @Satisfies(isLocale, 'invalid_choice', `must be one of ${LOCALES.join(', ')}`)
  locale?: string;
}

const nullable = { type: String, nullable: true } as const;

/** The profile as its owner sees it. */
export class ProfileBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ format: 'email', example: 'user@example.com' }) email: string;
  @ApiProperty({ example: 'John Doe' }) name: string;
  @ApiProperty({ enum: ['user', 'moderator', 'admin'] }) role: string;
  @ApiProperty() is_active: boolean;
  @ApiProperty() is_verified: boolean;
  @ApiProperty() has_password: boolean;
  @ApiProperty({ description: 'Whether a second factor or a passkey is set up' }) mfa_enabled: boolean;
  @ApiProperty({ enum: LOCALES, description: 'The language of mails' }) locale: string;
  @ApiProperty({ ...nullable, enum: ['google', 'linkedin', null] }) oauth_provider: string | null;
  @ApiProperty(nullable) profile_picture_url: string | null;
  @ApiProperty(nullable) bio: string | null;
  @ApiProperty(nullable) location: string | null;
  @ApiProperty(nullable) industry: string | null;
  @ApiProperty(nullable) job_title: string | null;
  @ApiProperty(nullable) company: string | null;
  @ApiProperty(nullable) linkedin_url: string | null;
  @ApiProperty(nullable) phone: string | null;
  @ApiProperty({ ...nullable, format: 'date' }) date_of_birth: string | null;
  @ApiProperty(nullable) gender: string | null;
  @ApiProperty({ ...nullable, format: 'date-time' }) last_login: string | null;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ format: 'date-time' }) updated_at: string;
}

/** A profile as stored and cached: `phone` and `date_of_birth` are ciphertexts, an uploaded picture is its file name. */
export type StoredProfile = ProfileBody;

export function toStoredProfile(user: User): StoredProfile {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    is_active: user.isActive,
    is_verified: user.isVerified,
    has_password: user.passwordHash !== null,
    mfa_enabled: user.mfaEnabled,
    locale: user.locale,
    oauth_provider: user.oauthProvider,
    profile_picture_url: user.profilePictureUrl,
    bio: user.bio,
    location: user.location,
    industry: user.industry,
    job_title: user.jobTitle,
    company: user.company,
    linkedin_url: user.linkedinUrl,
    phone: user.phone,
    date_of_birth: user.dateOfBirth,
    gender: user.gender,
    last_login: user.lastLogin?.toISOString() ?? null,
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
  };
}

/** API names of the fields that differ, sorted. */
export function changedFields(before: User, after: User): string[] {
  const [old, fresh] = [toStoredProfile(before), toStoredProfile(after)];
  const names = Object.keys(fresh) as (keyof StoredProfile)[];
  return names.filter((name) => name !== 'updated_at' && old[name] !== fresh[name]).sort();
}
