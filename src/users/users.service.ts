import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository, SelectQueryBuilder } from 'typeorm';
import { canonicalEmail, legacyEmail } from '../common/dto/email-address.js';
import { AppError, invalidAccessToken } from '../common/errors.js';
import type { Principal } from '../common/http/request-context.js';
import { Statement, PreparedStatements } from '../database/prepared-statements.js';
import { OutboxService } from '../events/outbox.service.js';
import { refuseTaken, requireUnreserved } from './emails/former-emails.js';
import { LegacyId } from './legacy-id.entity.js';
import { securityEventsOf } from './security-events-of.js';
import { ProfileCache } from './profile-cache.js';
import { User } from './user.entity.js';

type NewUser = Pick<User, 'email' | 'name'> & Partial<User>;

/** Finds, creates, locks and changes rows of `users`. */
@Injectable()
export class UsersService {
  private readonly lockStatement: Statement;
  private readonly lockOwnStatement: Statement;
  private readonly mapping: [column: string, property: string][];
  private readonly columnOf: Map<string, string>;

  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly profiles: ProfileCache,
    private readonly statements: PreparedStatements,
    private readonly outbox: OutboxService,
  ) {
    this.mapping = users.metadata.columns.map(({ databaseName, propertyName }) => [databaseName, propertyName]);
    this.columnOf = new Map(this.mapping.map(([column, property]) => [property, column]));
    this.lockStatement = {
      name: 'user_lock',
      text: `SELECT ${this.columns('u')} FROM users u WHERE u.id = $1 FOR UPDATE`,
    };
    // The session is locked too: where it ended while this waited for the user, PostgreSQL checks its newest version.
    this.lockOwnStatement = {
      name: 'user_lock_own',
      text: `SELECT ${this.columns('u')} FROM users u JOIN user_sessions s ON s.user_id = u.id
              WHERE u.id = $1 AND u.is_active AND s.id = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
                FOR UPDATE OF u FOR SHARE OF s`,
    };
  }

  /** @param address in any spelling */
  async findByEmail(address: string, tx = this.users.manager): Promise<User | null> {
    return byAddress(tx.createQueryBuilder(User, 'user'), address).getOne();
  }

  async findById(id: string): Promise<User | null> {
    return this.users.findOneBy({ id });
  }

  async get(id: string): Promise<User> {
    const user = await this.findById(id);
    if (!user) throw new AppError('not_found');
    return user;
  }

  /**
   * Like `get`, for the signed-in user.
   * @throws AppError `unauthenticated` where the account was erased after the session check
   */
  async getOwn(id: string): Promise<User> {
    const user = await this.findById(id);
    if (!user) throw invalidAccessToken();
    return user;
  }

  /**
   * The column list of an account for other statements. With `*` a prepared statement fails on every open connection as soon
   * as a migration adds a column.
   */
  columns(alias: string): string {
    return this.mapping.map(([column]) => `${alias}.${column}`).join(', ');
  }

  /** @param row has the columns of `columns` */
  fromRow(row: Record<string, unknown>): User {
    const user = new User() as User & Record<string, unknown>;
    for (const [column, property] of this.mapping) user[property] = row[column];
    return user;
  }

  /**
   * Reads and locks the row until the transaction ends. Events of a user are written under this lock, which keeps their order.
   * @throws AppError `not_found`
   */
  async lock(tx: EntityManager, id: string): Promise<User> {
    const user = await this.findAndLock(tx, id);
    if (!user) throw new AppError('not_found');
    return user;
  }

  /**
   * Locks the row of the signed-in user. Every write by a session starts here: the session was checked before the
   * transaction, and may have been revoked since by an account eviction, a logout or an administrator.
   * @throws AppError `unauthenticated` if the session has ended, or the user is deactivated or deleted
   */
  async lockOwn(tx: EntityManager, { userId, sessionId }: Pick<Principal, 'userId' | 'sessionId'>): Promise<User> {
    const [row] = await this.statements.run<Record<string, unknown>>(tx, this.lockOwnStatement, [userId, sessionId]);
    if (!row) throw invalidAccessToken();
    return this.fromRow(row);
  }

  /** Locks the row without reading it; rows that refer to it can still be inserted. */
  async lockOnly(tx: EntityManager, id: string): Promise<void> {
    await tx.query('SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE', [id]);
  }

  async findAndLock(tx: EntityManager, id: string): Promise<User | null> {
    const [row] = await this.statements.run<Record<string, unknown>>(tx, this.lockStatement, [id]);
    return row ? this.fromRow(row) : null;
  }

  /**
   * Like `lock`, by address.
   * @param address in any spelling
   */
  async lockByEmail(tx: EntityManager, address: string): Promise<User | null> {
    const query = byAddress(tx.createQueryBuilder(User, 'user'), address);
    return query.setLock('pessimistic_write').getOne();
  }

  /** @throws AppError `email_taken` */
  async create(tx: EntityManager, values: NewUser): Promise<User> {
    const user = await tx.save(User, tx.create(User, values)).catch(refuseTaken);
    await requireUnreserved(tx, user);
    return user;
  }

  /**
   * Writes the changed columns and `updated_at`, and security events of changes of the password, the address and the status.
   * @param user a row that the transaction has locked; it has the new values from here on
   */
  async change(tx: EntityManager, user: User, changes: Partial<User>): Promise<User> {
    const changed: Partial<User> = { ...changes, updatedAt: new Date() };
    const properties = Object.keys(changed) as (keyof User)[];
    const places = properties.map((property, index) => `${this.columnOf.get(property)} = $${index + 2}`);
    const text = `UPDATE users SET ${places.join(', ')} WHERE id = $1`;
    await this.outbox.addSecurity(tx, user.id, securityEventsOf(user, changes));
    Object.assign(user, changed);
    this.profiles.writeThrough(tx, user);
    await this.statements.runWithQueue(tx, { text }, [user.id, ...properties.map((property) => changed[property])]);
    return user;
  }

  /** Deletes the row, and by cascade the user's rows in other tables. */
  async remove(tx: EntityManager, user: User): Promise<void> {
    await this.outbox.addSecurity(tx, user.id, [{ type: 'account.purged' }]);
    await tx.delete(User, { id: user.id });
    await tx.update(LegacyId, { userId: user.id }, { erasedAt: new Date() });
  }

  /**
   * Records a sign-in in one statement with the check that the account is still active and its password unchanged.
   * @param user gets the new values
   * @returns false after a concurrent deactivation or password change
   */
  async recordLogin(tx: EntityManager, user: User, changes: Partial<User> = {}): Promise<boolean> {
    this.profiles.invalidate(tx, user.id);
    const { raw } = await tx
      .createQueryBuilder()
      .update(User)
      .set({ ...changes, lastLogin: new Date() } as never)
      .where('id = :id AND is_active AND password_hash IS NOT DISTINCT FROM :hash', {
        id: user.id,
        hash: user.passwordHash,
      })
      .returning(this.columns('users'))
      .execute();
    const [row] = raw as Record<string, unknown>[];
    if (row) Object.assign(user, this.fromRow(row));
    return row !== undefined;
  }
}

/**
 * An account with an older spelling of its address matches before another account of the same mailbox: otherwise its owner
 * could not sign in.
 */
function byAddress(query: SelectQueryBuilder<User>, address: string): SelectQueryBuilder<User> {
  const [email, spelling] = [canonicalEmail(address), legacyEmail(address)];
  if (email === spelling) return query.where('lower(user.email) = :email', { email });
  return query
    .where('(lower(user.email) IN (:email, :spelling) OR user.emailLegacy = :spelling)', { email, spelling })
    .addSelect('lower(user.email) = :spelling', 'exact')
    .orderBy('exact', 'DESC')
    .limit(1);
}
