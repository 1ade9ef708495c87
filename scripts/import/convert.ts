import { createHash } from 'node:crypto';
import { canonicalEmail, isKnownSpelling, legacyEmail } from '../../src/common/dto/email-address.js';
import { toLine, toNfc } from '../../src/common/dto/text.js';
import { RequestValidationPipe } from '../../src/common/http/request-validation.pipe.js';
import { AppError } from '../../src/common/errors.js';
import { PROVIDERS } from '../../src/config/settings.auth.js';
import { parseForeignHash } from '../../src/crypto/foreign-hashes.js';
import { IMPORTED_PREFIX } from '../../src/crypto/password-schemes.js';
import { UpdatePreferencesBody } from '../../src/preferences/preferences.dto.js';
import { UpdateProfileBody } from '../../src/users/profile.dto.js';
import { isTrue, readPreferences, readTags } from './preferences.js';
import type { SourceRow, Values } from './source.js';

export interface ConvertedUser {
  number: number;
  legacyId: string;
  /** Ids that the row had under other keys. */
  formerIds: string[];
  id: string;
  email: string;
  name: string;
  passwordHash: string | null;
  picture: string | null;
  /** Fields of the API; `phone` and `date_of_birth` in clear. */
  profile: UpdateProfileBody;
  preferences: UpdatePreferencesBody;
  skills: string[];
  identities: { provider: string; subject: string }[];
  isActive: boolean;
  isVerified: boolean;
  deactivatedAt: Date | null;
  lastLogin: Date | null;
  createdAt: Date;
  /** What was changed or left out. */
  notes: string[];
}

export type Converted =
  | { outcome: 'user'; user: ConvertedUser }
  | { outcome: 'erased'; number: number; legacyId: string; id: string; at: Date }
  | { outcome: 'refused'; number: number; legacyId: string; reason: string };

export interface ConvertOptions {
  source: string;
  /** Ids for a row that has none: under the current key, then under each of the others. */
  idsOf: (email: string) => string[];
}

/** Of UUIDv5 (RFC 9562, §5.5): one old id is one UUID, in every run and every database. */
const NAMESPACE = '5f0c6c1e-6d64-5c0a-9f57-3d1c1f0a6e11';
const ERASED_ADDRESS = /^anon\+.*@anonymized\.local$/i;
const MAX_ID_CHARS = 255;
const MAX_SUBJECT_CHARS = 255;
const MAX_EMAIL_CHARS = 254;
const MAX_PICTURE_CHARS = 2048;
const MAX_NAME_CHARS = 255;
const MAX_BIO_CHARS = 2000;
/** Of texts in one line, by API name. */
const MAX_CHARS = { location: 255, industry: 100, job_title: 255, company: 255, gender: 20 } as const;

const pipe = new RequestValidationPipe();

export function uuidOf(source: string, legacyId: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(`${source}:${legacyId}`);
  const digest = bytes.digest().subarray(0, 16);
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** A row of the source as a user of this service; what does not fit a field is left out and noted. */
export function convert(row: SourceRow, { source, idsOf }: ConvertOptions): Converted {
  const { number } = row;
  if ('fault' in row) return { outcome: 'refused', number, legacyId: '', reason: row.fault };
  const { values, children } = row;
  const address = values.email?.trim() ?? '';
  const email = canonicalEmail(address) ?? (isKnownSpelling(address) ? legacyEmail(address) : null);
  const given = values.id?.trim();
  const [legacyId = '', ...formerIds] = given ? [given] : email ? idsOf(email) : [];
  const refused = (reason: string): Converted => ({ outcome: 'refused', number, legacyId, reason });
  if (legacyId === '' || legacyId.length > MAX_ID_CHARS) return refused(`id must have 1 to ${MAX_ID_CHARS} characters`);
  const id = uuidOf(source, legacyId);
  if (ERASED_ADDRESS.test(address) || values.pseudonymized_at)
    return { outcome: 'erased', number, legacyId, id, at: readTime(values.pseudonymized_at) ?? new Date() };
  if (email === null || email.length > MAX_EMAIL_CHARS)
    return refused(address === '' ? 'email is missing' : 'email is no address that an account may have');
  const notes: string[] = [];
  const deactivatedAt = readTime(values.deactivated_at);
  const user: ConvertedUser = {
    number,
    legacyId,
    formerIds,
    id,
    email,
    name: readName(values, email, notes),
    passwordHash: readPasswordHash(values, notes),
    picture: readPicture(values.profile_picture_url ?? values.photo_url, notes),
    profile: validated(UpdateProfileBody, readProfile(values, notes), notes),
    preferences: validated(
      UpdatePreferencesBody,
      readPreferences(values, children.user_preferences ?? [], notes),
      notes,
    ),
    skills: readTags(values.skills),
    identities: readIdentities(values, children.user_social_accounts ?? [], notes),
    isActive: values.is_active == null ? deactivatedAt === null : isTrue(values.is_active),
    isVerified: isVerified(values, children.user_verifications ?? []),
    deactivatedAt,
    lastLogin: readTime(values.last_login),
    createdAt: readTime(values.created_at) ?? new Date(),
    notes,
  };
  return { outcome: 'user', user };
}

/** ISO 8601 or SQL; without a zone UTC, which the old service wrote. Not later than now. */
function readTime(text: string | null | undefined): Date | null {
  const [, day, time, zone] =
    /^(\d{4}-\d\d-\d\d)(?:[ T]([\d:.]+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(text?.trim() ?? '') ?? [];
  const offset =
    zone && zone !== 'Z' ? zone.replace(/^(...):?(..)?$/, (_, hours, minutes) => `${hours}:${minutes ?? '00'}`) : 'Z';
  const date = new Date(`${day}T${time ?? '00:00'}${offset}`);
  return Number.isNaN(date.getTime()) ? null : new Date(Math.min(date.getTime(), Date.now()));
}

/** @returns the values that the class takes; the API's own rules decide */
function validated<T extends object>(type: new () => T, values: Record<string, unknown>, notes: string[]): T {
  try {
    return pipe.transform(values, { type: 'body', metatype: type }) as T;
  } catch (error) {
    const { details = [] } = (error as AppError).extras;
    const rest = { ...values };
    for (const { field, message } of details) {
      notes.push(`${field} left out: ${message}`);
      delete rest[field];
    }
    return details.length > 0 ? validated(type, rest, notes) : new type();
  }
}

function readName({ name }: Values, email: string, notes: string[]): string {
  const line = toLine(name ?? '', MAX_NAME_CHARS);
  if (line === '') notes.push('name made from the address');
  else if (line !== toNfc(name!).trim()) notes.push('name shortened or cleaned');
  return line || email.split('@')[0]!;
}

function readProfile(values: Values, notes: string[]): Record<string, unknown> {
  const texts: Record<string, string | null | undefined> = { ...values, job_title: values.job_title ?? values.title };
  const profile: Record<string, unknown> = {};
  for (const [field, max] of Object.entries(MAX_CHARS)) {
    const given = texts[field]?.trim();
    if (!given) continue;
    profile[field] = toLine(given, max) || undefined;
    if (profile[field] !== toNfc(given)) notes.push(`${field} shortened or cleaned`);
  }
  if (values.bio) profile.bio = [...values.bio].slice(0, MAX_BIO_CHARS).join('');
  if (values.bio && profile.bio !== values.bio) notes.push('bio shortened');
  // The old service took plain http, which LinkedIn redirects.
  if (values.linkedin_url) profile.linkedin_url = values.linkedin_url.trim().replace(/^http:/i, 'https:');
  for (const field of ['phone', 'date_of_birth']) if (values[field]) profile[field] = values[field].trim();
  return profile;
}

function readPasswordHash({ password_hash: hash }: Values, notes: string[]): string | null {
  if (!hash) return null;
  if (parseForeignHash(hash.trim())) return IMPORTED_PREFIX + hash.trim();
  notes.push('password_hash left out: its format is unknown or its cost beyond the bounds');
  return null;
}

function readPicture(text: string | null | undefined, notes: string[]): string | null {
  if (!text) return null;
  const url = URL.canParse(text) && text.length <= MAX_PICTURE_CHARS ? new URL(text) : null;
  if (url?.protocol === 'https:' && !url.username && !url.password) return url.href;
  notes.push('picture left out: no https address');
  return null;
}

function readIdentities(values: Values, accounts: Values[], notes: string[]): ConvertedUser['identities'] {
  const own = {
    provider: values.provider ?? values.oauth_provider,
    provider_user_id: values.provider_user_id ?? values.oauth_id,
  };
  const identities = new Map<string, { provider: string; subject: string }>();
  for (const { provider, provider_user_id: subject } of [own, ...accounts]) {
    if (!provider || !subject) continue;
    const known = PROVIDERS.find((name) => name === provider.trim().toLowerCase());
    if (known && subject.length <= MAX_SUBJECT_CHARS)
      identities.set(`${known}:${subject}`, { provider: known, subject });
    else notes.push(`identity at ${toLine(provider, 40)} left out: no provider of this service`);
  }
  return [...identities.values()];
}

/** That a provider named the address proves nothing here: the old service took unverified ones too. */
function isVerified(values: Values, verifications: Values[]): boolean {
  if (isTrue(values.is_verified ?? values.email_verified)) return true;
  return verifications.some((one) => {
    const kind = one.verification_type ?? one.method ?? one.type ?? one.kind ?? 'email';
    const isDone = Boolean(one.verified_at) || /^(verified|approved|completed)$/i.test(one.status ?? '');
    return /mail/i.test(kind) && isDone;
  });
}
