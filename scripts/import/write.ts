import { DataSource, EntityManager } from 'typeorm';
import { isUniqueViolation, sqlState } from '../../src/common/database-errors.js';
import { listReserved } from '../../src/users/emails/former-emails.js';
import { PERSONAL_FIELDS } from '../../src/users/personal-field-cipher.js';
import type { FieldCipher } from '../../src/crypto/field-cipher.js';
import type { Converted, ConvertedUser } from './convert.js';

export interface Outcome {
  number: number;
  legacyId: string;
  userId: string | null;
  state: 'imported' | 'unchanged' | 'erased' | 'refused';
  /** Why it was refused, or what was changed; empty where there is nothing to say. */
  reason: string;
}

/** Writes batches of users, each in one transaction with their events and audit entries. */
export class ImportWriter {
  private readonly ids = new Set<string>();
  /** Of earlier batches: a dry run leaves none in the database. */
  private readonly emails = new Set<string>();
  private readonly subjects = new Set<string>();

  constructor(
    private readonly database: DataSource,
    private readonly cipher: FieldCipher,
    private readonly source: string,
    private readonly dryRun: boolean,
  ) {}

  /** @returns an outcome for each row, in the order of the rows */
  async write(batch: Converted[]): Promise<Outcome[]> {
    const known = await this.findKnown(batch);
    const rest = batch.filter((row) => !known.has(legacyIdOf(row)));
    const taken = await this.findTakenEmails(rest);
    const outcomes = new Map<number, Outcome>();
    const users: ConvertedUser[] = [];
    const erased: { legacyId: string; id: string; erasedAt: Date }[] = [];
    for (const row of batch) {
      const number = row.outcome === 'user' ? row.user.number : row.number;
      const legacyId = legacyIdOf(row);
      const seen = known.get(legacyId);
      const result = (state: Outcome['state'], userId: string | null, reason = '') =>
        outcomes.set(number, { number, legacyId, userId, state, reason });
      if (row.outcome === 'refused') result('refused', null, row.reason);
      else if (this.ids.has(legacyId)) result('refused', null, 'id stands in an earlier row too');
      else if (seen?.erased) result('erased', seen.userId, 'was erased before');
      else if (seen)
        result('unchanged', seen.userId, row.outcome === 'erased' ? 'was erased in the old service since' : '');
      else if (row.outcome === 'erased') {
        erased.push({ legacyId, id: row.id, erasedAt: row.at });
        result('erased', row.id, 'was erased in the old service');
      } else if (taken.has(row.user.email)) result('refused', null, 'email belongs to another account');
      else {
        taken.add(row.user.email);
        users.push(row.user);
        result('imported', row.user.id);
      }
      if (row.outcome !== 'refused') this.ids.add(legacyId);
    }
    await this.dropTakenIdentities(users);
    if (!this.dryRun) {
      const failed = await this.insert(users);
      for (const [{ number }, reason] of failed)
        Object.assign(outcomes.get(number)!, { state: 'refused', userId: null, reason });
      if (erased.length > 0) await this.insertLegacyIds(this.database.manager, erased);
    }
    for (const { number, email, identities, notes } of users) {
      const outcome = outcomes.get(number)!;
      if (outcome.state === 'imported') outcome.reason = notes.join('; ');
      this.emails.add(email);
      for (const { provider, subject } of identities) this.subjects.add(`${provider}:${subject}`);
    }
    return [...outcomes.values()];
  }

  private async findKnown(batch: Converted[]): Promise<Map<string, { userId: string; erased: boolean }>> {
    const rows = await this.database.query<{ legacy_id: string; user_id: string; erased: boolean }[]>(
      `SELECT legacy_id, user_id, erased_at IS NOT NULL AS erased FROM legacy_ids WHERE source = $1 AND legacy_id = ANY ($2)`,
      [this.source, batch.flatMap(idsOf)],
    );
    const known = new Map(rows.map(({ legacy_id: id, user_id: userId, erased }) => [id, { userId, erased }]));
    for (const row of batch) {
      const seen = idsOf(row).find((id) => known.has(id));
      if (seen !== undefined) known.set(legacyIdOf(row), known.get(seen)!);
    }
    return known;
  }

  private async findTakenEmails(batch: Converted[]): Promise<Set<string>> {
    const emails = batch.flatMap((row) => (row.outcome === 'user' ? [row.user.email] : []));
    const rows = await this.database.query<{ email: string }[]>(
      `SELECT lower(email) AS email FROM users WHERE lower(email) = ANY ($1)
       UNION SELECT email_legacy FROM users WHERE email_legacy = ANY ($1)`,
      [emails],
    );
    const reserved = await listReserved(this.database.manager, emails, null);
    return new Set([
      ...rows.map(({ email }) => email),
      ...reserved,
      ...emails.filter((email) => this.emails.has(email)),
    ]);
  }

  /** The first user with a provider account keeps it: the old service let several have the same. */
  private async dropTakenIdentities(users: ConvertedUser[]): Promise<void> {
    const all = users.flatMap(({ identities }) => identities);
    const rows = await this.database.query<{ provider: string; subject: string }[]>(
      `SELECT provider, provider_user_id AS subject FROM user_identities
        WHERE (provider, provider_user_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      [all.map(({ provider }) => provider), all.map(({ subject }) => subject)],
    );
    const taken = new Set([...this.subjects, ...rows.map(({ provider, subject }) => `${provider}:${subject}`)]);
    for (const user of users)
      user.identities = user.identities.filter(({ provider, subject }) => {
        const isTaken = taken.has(`${provider}:${subject}`);
        if (isTaken) user.notes.push(`identity at ${provider} left out: another account has it`);
        taken.add(`${provider}:${subject}`);
        return !isTaken;
      });
  }

  /** @returns the users whom the database refused; the others are committed */
  private async insert(users: ConvertedUser[]): Promise<[ConvertedUser, string][]> {
    if (users.length === 0) return [];
    try {
      await this.database.transaction((tx) => this.insertAll(tx, users));
      return [];
    } catch (error) {
      // Data that do not fit: an address taken since it was looked up, or a check that only the database knows.
      if (!/^2[23]/.test(sqlState(error) ?? '')) throw error;
      if (users.length === 1)
        return [
          [
            users[0]!,
            isUniqueViolation(error, 'idx_users_email') ? 'email belongs to another account' : (error as Error).message,
          ],
        ];
    }
    const half = Math.ceil(users.length / 2);
    return [...(await this.insert(users.slice(0, half))), ...(await this.insert(users.slice(half)))];
  }

  private async insertAll(tx: EntityManager, users: ConvertedUser[]): Promise<void> {
    const rows = JSON.stringify(users.map((user) => this.toRow(user)));
    await tx.query(
      `INSERT INTO users (id, email, name, password_hash, oauth_provider, oauth_id, profile_picture_url, bio, location, industry,
         job_title, company, linkedin_url, phone, date_of_birth, gender, is_active, is_verified, email_verified_at,
         status_reason, status_changed_at, last_login, created_at)
       SELECT id, email, name, password_hash, oauth_provider, oauth_id, profile_picture_url, bio, location, industry,
         job_title, company, linkedin_url, phone, date_of_birth, gender, is_active, is_verified, email_verified_at,
         status_reason, status_changed_at, last_login, created_at
         FROM json_populate_recordset(NULL::users, $1)`,
      [rows],
    );
    await this.insertLegacyIds(tx, users);
    // Columns that are missing have the defaults of the table.
    await tx.query(
      `INSERT INTO user_preferences (user_id, age_min, age_max, location_radius, industries, job_levels, interests,
         notification_email, notification_push, privacy_profile, privacy_location)
       SELECT user_id, coalesce(age_min, 18), coalesce(age_max, 65), coalesce(location_radius, 50), coalesce(industries, '{}'),
         coalesce(job_levels, '{}'), coalesce(interests, '{}'), coalesce(notification_email, true),
         coalesce(notification_push, true), coalesce(privacy_profile, 'public'), coalesce(privacy_location, true)
         FROM json_populate_recordset(NULL::user_preferences, $1)`,
      [JSON.stringify(users.map(({ id, preferences }) => ({ user_id: id, ...preferences })))],
    );
    const skilled = users.filter(({ skills }) => skills.length > 0);
    await tx.query(
      `INSERT INTO user_profile_details (user_id, skills)
       SELECT user_id, skills FROM json_populate_recordset(NULL::user_profile_details, $1)`,
      [JSON.stringify(skilled.map(({ id, skills }) => ({ user_id: id, skills })))],
    );
    await tx.query(
      `INSERT INTO user_identities (user_id, provider, provider_user_id)
       SELECT user_id, provider, provider_user_id FROM json_populate_recordset(NULL::user_identities, $1)`,
      [
        JSON.stringify(
          users.flatMap(({ id, identities }) =>
            identities.map(({ provider, subject }) => ({ user_id: id, provider, provider_user_id: subject })),
          ),
        ),
      ],
    );
    await tx.query(
      `INSERT INTO outbox_events (user_id, event_type, payload)
       SELECT id, 'user.created', json_build_object('email', email, 'name', name) FROM json_populate_recordset(NULL::users, $1)`,
      [rows],
    );
    await tx.query(
      `INSERT INTO audit_logs (action, target_id, reason, after)
       SELECT 'user.imported', user_id, 'npm run import', json_build_object('source', source, 'legacy_id', legacy_id)
         FROM legacy_ids WHERE user_id = ANY ($1)`,
      [users.map(({ id }) => id)],
    );
  }

  private async insertLegacyIds(
    tx: EntityManager,
    rows: { legacyId: string; id: string; erasedAt?: Date }[],
  ): Promise<void> {
    await tx.query(
      `INSERT INTO legacy_ids (source, legacy_id, user_id, erased_at)
       SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::timestamptz[])`,
      [
        this.source,
        rows.map(({ legacyId }) => legacyId),
        rows.map(({ id }) => id),
        rows.map(({ erasedAt }) => erasedAt ?? null),
      ],
    );
  }

  /** Columns of `users`. */
  private toRow({ profile, identities: [first], ...user }: ConvertedUser): Record<string, unknown> {
    const encrypted = PERSONAL_FIELDS.map((field) => {
      const clear = profile[field];
      return [field, clear ? this.cipher.encrypt(user.id, field, clear) : null];
    });
    return {
      ...profile,
      ...Object.fromEntries(encrypted),
      id: user.id,
      email: user.email,
      name: user.name,
      password_hash: user.passwordHash,
      oauth_provider: first?.provider,
      oauth_id: first?.subject,
      profile_picture_url: user.picture,
      is_active: user.isActive,
      is_verified: user.isVerified,
      email_verified_at: user.isVerified ? user.createdAt : null,
      status_reason: user.isActive ? null : 'inactive in the old service',
      status_changed_at: user.isActive ? null : (user.deactivatedAt ?? user.createdAt),
      last_login: user.lastLogin,
      created_at: user.createdAt,
    };
  }
}

const legacyIdOf = (row: Converted): string => (row.outcome === 'user' ? row.user.legacyId : row.legacyId);
const idsOf = (row: Converted): string[] => [legacyIdOf(row), ...(row.outcome === 'user' ? row.user.formerIds : [])];
