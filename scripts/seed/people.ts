import type { FieldCipher } from '../../src/crypto/field-cipher.js';
import { copyLine } from './copy.js';
import { Random } from './random.js';
import * as words from './words.js';

/** Of those who have one. */
export const SEED_PASSWORD = 'Meetinity-Seed-1';

export const TARGETS = {
  users: `users (id, email, name, password_hash, password_proven_at, role, oauth_provider, oauth_id, bio, location, industry,
    job_title, company, linkedin_url, phone, date_of_birth, gender, is_active, is_verified, email_verified_at, status_reason, status_changed_at,
    last_login, created_at, updated_at)`,
  identities: 'user_identities (id, user_id, provider, provider_user_id, email, created_at)',
  preferences: `user_preferences (id, user_id, age_min, age_max, location_radius, industries, job_levels, interests,
    notification_email, notification_push, privacy_profile, privacy_location, created_at, updated_at)`,
  sessions: `user_sessions (id, user_id, refresh_token, counter, rotated_at, revoked_at, revoked_reason, device_info, ip_address,
    user_agent, expires_at, created_at, last_used)`,
} as const;

/** Lines for COPY, by table. */
export type Rows = Record<keyof typeof TARGETS, string[]>;

export interface SeedOptions {
  seed: number;
  /** Everything lies before it. */
  today: Date;
  passwordHash: string;
  cipher: FieldCipher;
}

const DAY_MS = 86_400_000;
const SESSION_MS = 30 * DAY_MS;

export function personId(seed: number, index: number): string {
  return new Random(`${seed}:${index}`).uuid();
}

/** Adds the rows of one person; the same for the same seed and index, up to the nonces of the encrypted columns. */
export function addPerson(rows: Rows, index: number, options: SeedOptions): void {
  const { seed, today, cipher } = options;
  const random = new Random(`${seed}:${index}`);
  const id = random.uuid();
  const [givenNames, familyNames] = random.pickSkewed(words.NAMES);
  const [given, family] = [random.pick(givenNames), random.pick(familyNames)];
  const account = accountName(given, family, seed, index);
  const email = `${account}@${random.pick(['example.com', 'example.org', 'example.net', 'mail.example', 'post.example'])}`;

  const between = (from: Date, to: Date) => new Date(from.getTime() + random.unit() * (to.getTime() - from.getTime()));
  const createdAt = between(new Date(today.getTime() - 3 * 365 * DAY_MS), today);
  const provider = random.pick([...Array(5).fill('google'), ...Array(3).fill('linkedin'), ...Array(12).fill(null)]);
  const subject = provider && `${random.int(100, 999)}${String(index).padStart(9, '0')}${seed}`;
  const verifiedAt = provider ? createdAt : random.chance(0.5) ? between(createdAt, today) : null;
  const isActive = !random.chance(0.08);
  const lastLogin = random.chance(0.8) ? between(createdAt, today) : null;
  const maybe = <T>(probability: number, make: () => T): T | null => (random.chance(probability) ? make() : null);
  const industry = maybe(0.8, () => random.pickSkewed(words.INDUSTRIES));
  const jobTitle = maybe(0.85, () => random.pickSkewed(words.JOB_TITLES));
  const company = maybe(0.75, () => random.pickSkewed(words.COMPANIES));
  const interests = random.some(words.INTERESTS, 6);
  const location = maybe(0.85, () => random.pickSkewed(words.LOCATIONS));
  const linkedinUrl = maybe(0.45, () => `https://www.linkedin.com/in/${account.replaceAll('.', '-')}`);
  const sealed = (field: string, clear: string | null) => clear && cipher.encrypt(id, field, clear);
  const phone = sealed('phone', random.chance(0.3) ? fictionalPhone(random) : null);
  const birthDate = sealed('date_of_birth', random.chance(0.35) ? birthDay(random, today) : null);
  const changedAt = isActive ? null : between(createdAt, today);
  const passwordHash = !provider || random.chance(0.3) ? options.passwordHash : null;

  rows.users.push(
    copyLine([
      id,
      email,
      `${given} ${family}`,
      passwordHash,
      passwordHash && verifiedAt,
      random.chance(0.001) ? 'moderator' : 'user',
      provider,
      subject,
      maybe(0.6, () => bio(jobTitle, company, interests)),
      location,
      industry,
      jobTitle,
      company,
      linkedinUrl,
      phone,
      birthDate,
      maybe(0.7, () => random.pickSkewed(words.GENDERS)),
      isActive,
      verifiedAt !== null,
      verifiedAt,
      isActive ? null : random.pick(['Terms violation', 'Spam', 'Requested by the member', 'Fake profile']),
      changedAt,
      lastLogin,
      createdAt,
      changedAt ?? between(createdAt, today),
    ]),
  );
  if (provider) rows.identities.push(copyLine([random.uuid(), id, provider, subject, email, createdAt]));
  addPreferences(rows, random, id, interests, createdAt);
  // 80 % have signed in and 92 % of them are active: 30 % of all.
  if (isActive && lastLogin && random.chance(0.41)) addSession(rows, random, id, between(createdAt, today), today);
}

function addPreferences(rows: Rows, random: Random, userId: string, interests: string[], createdAt: Date): void {
  const ageMin = random.int(18, 40);
  rows.preferences.push(
    copyLine([
      random.uuid(),
      userId,
      ageMin,
      ageMin + random.int(5, 40),
      random.pick([5, 10, 25, 50, 50, 50, 100, 250, 1000]),
      random.some(words.INDUSTRIES, 4),
      random.some(words.JOB_LEVELS, 3),
      interests,
      random.chance(0.8),
      random.chance(0.7),
      random.pick(['public', 'public', 'public', 'public', 'private', 'connections']),
      random.chance(0.75),
      createdAt,
      createdAt,
    ]),
  );
}

function addSession(rows: Rows, random: Random, userId: string, wanted: Date, today: Date): void {
  // Half of them began in the last 30 days and still live.
  const recent = new Date(today.getTime() - random.unit() * SESSION_MS);
  const createdAt = random.chance(0.5) && recent > wanted ? recent : wanted;
  const expiresAt = new Date(createdAt.getTime() + SESSION_MS);
  const lastUsed = new Date(createdAt.getTime() + random.unit() * (Math.min(+expiresAt, +today) - +createdAt));
  const revokedAt = random.chance(0.1) ? lastUsed : null;
  const counter = random.int(0, 30);
  const [platform, device, userAgent] = random.pick(words.USER_AGENTS);
  const ip = random.chance(0.8)
    ? `${random.pick(['192.0.2', '198.51.100', '203.0.113'])}.${random.int(1, 254)}`
    : `2001:db8::${random.hex(4)}:${random.hex(4)}`;
  rows.sessions.push(
    copyLine([
      random.uuid(),
      userId,
      // Not the SHA-256 of any token: seeded sessions cannot be used.
      random.hex(64),
      counter,
      counter > 0 ? lastUsed : null,
      revokedAt,
      revokedAt && 'logout',
      JSON.stringify({ platform, device }),
      ip,
      userAgent,
      expiresAt,
      createdAt,
      lastUsed,
    ]),
  );
}

/** `jurgen.gross.k3f`: plain letters, unique by the number at its end. */
function accountName(given: string, family: string, seed: number, index: number): string {
  const plain = (name: string) =>
    name
      .toLowerCase()
      .replace(/[øłßıđ]/g, (letter) => ({ ø: 'o', ł: 'l', ß: 'ss', ı: 'i', đ: 'd' })[letter]!)
      .normalize('NFD')
      .replace(/[^a-z]/g, '');
  const number = index.toString(36) + (seed === 1 ? '' : `.s${seed}`);
  return [plain(given), plain(family), number].filter((part) => part !== '').join('.');
}

/** From the ranges that the authorities keep free for fiction. */
function fictionalPhone(random: Random): string {
  const digits = (count: number) => String(random.int(0, 10 ** count - 1)).padStart(count, '0');
  return random.pick([`+3363998${digits(4)}`, `+447700900${digits(3)}`, `+120255501${digits(2)}`]);
}

/** 18 to 70 years before `today`, as YYYY-MM-DD. */
function birthDay(random: Random, today: Date): string {
  return new Date(today.getTime() - random.int(18 * 366, 70 * 365) * DAY_MS).toISOString().slice(0, 10);
}

function bio(jobTitle: string | null, company: string | null, interests: string[]): string {
  const work = jobTitle && company ? `${jobTitle} at ${company}.` : `${jobTitle ?? 'Curious about people'}.`;
  return interests.length > 0 ? `${work}\nInto ${interests.join(', ')}.` : work;
}
