import { canonicalEmail, isKnownSpelling, legacyEmail } from '../../common/dto/email-address.js';
import { AppError } from '../../common/errors.js';
import { toLine } from '../../common/dto/text.js';
import type { Provider } from '../../config/settings.auth.js';

/** The claims of a provider that this service uses. */
export interface ProviderAccount {
  provider: Provider;
  /** The provider's `sub`; never reused, unlike an address. */
  subject: string;
  /** Canonical, or in the spelling of an older account; null if not verified by the provider or not acceptable here. */
  verifiedEmail: string | null;
  /** 1 to 255 characters. */
  name: string;
  /** An https address, or null. */
  picture: string | null;
}

const MAX_SUBJECT_CHARS = 255;
const MAX_NAME_CHARS = 255;
const MAX_EMAIL_CHARS = 254;
const MAX_PICTURE_CHARS = 2048;

/**
 * Reads the standard claims of a userinfo answer (OpenID Connect Core 1.0 §5.1, §5.3).
 * @throws AppError `provider_unavailable` if `sub` is missing or malformed
 */
export function toAccount(provider: Provider, answer: unknown): ProviderAccount {
  const claims = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const subject = text(claims.sub);
  if (subject !== claims.sub || subject === '' || subject.length > MAX_SUBJECT_CHARS)
    throw new AppError('provider_unavailable');
  const verifiedEmail = readEmail(claims);
  return {
    provider,
    subject,
    verifiedEmail,
    name: readName(claims) || verifiedEmail?.split('@')[0] || provider,
    picture: readPicture(claims.picture),
  };
}

/**
 * Removes control characters and lone surrogates, some of which PostgreSQL refuses; empty for anything but a string.
 */
function text(value: unknown): string {
  return typeof value === 'string' ? value.replace(/[\p{Cc}\p{Cs}]/gu, '').trim() : '';
}

function readEmail({ email, email_verified: verified }: Record<string, unknown>): string | null {
  // LinkedIn has sent the flag as a string.
  if (typeof email !== 'string' || email.length > MAX_EMAIL_CHARS || (verified !== true && verified !== 'true'))
    return null;
  // A look-alike of a user's mailbox (`ｖictim@`) may be another person's, so an address that would have to be changed is refused.
  if (email.normalize('NFKC') !== email.normalize('NFC') || text(email) !== email.trim()) return null;
  const spelling = canonicalEmail(email) ?? legacyEmail(email);
  return spelling.length <= MAX_EMAIL_CHARS && isKnownSpelling(spelling) ? spelling : null;
}

function readName(claims: Record<string, unknown>): string {
  const line = (value: unknown) => (typeof value === 'string' ? toLine(value, MAX_NAME_CHARS) : '');
  return line(claims.name) || toLine(`${line(claims.given_name)} ${line(claims.family_name)}`, MAX_NAME_CHARS);
}

function readPicture(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > MAX_PICTURE_CHARS || !URL.canParse(value)) return null;
  const { protocol, username, password, href } = new URL(value);
  return protocol === 'https:' && !username && !password ? href : null;
}
