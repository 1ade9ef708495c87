import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository, SelectQueryBuilder } from 'typeorm';
import { isUniqueViolation } from '../common/database-errors.js';
import { canonicalEmail, legacyEmail } from '../common/dto/email-address.js';
import { AppError, invalidAccessToken } from '../common/errors.js';
import type { Principal } from '../common/http/request-context.js';
import { Call, Statement, PreparedStatements } from '../database/prepared-statements.js';
import { ProfileCache } from './profile-cache.js';
import { User } from './user.entity.js';

type NewUser = Pick<User, 'email' | 'name'> & Partial<User>;

/** The account row: found, created, locked and changed. Use cases around it live in their own files. */
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
  async findByEmail(address: string): Promise<User | null> {
    return byAddress(this.users.createQueryBuilder('user'), address).getOne();
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
   * Like `get`, of whoever asks.
   * @throws AppError `unauthenticated` where they were erased after the check of their session
   */
  async getOwn(id: string): Promise<User> {
    const user = await this.findById(id);
    if (!user) throw invalidAccessToken();
    return user;
  }

  /**
   * The columns of an account, for a statement that returns its row. By name: with `*` a prepared statement fails on every
   * open connection as soon as a migration adds a column.
   */
  columns(alias: string): string {
    return this.mapping.map(([column]) => `${alias}.${column}`).join(', ');
  }

  /** The account in a row that another statement returned with these columns. */
  fromRow(row: Record<string, unknown>): User {
    const user = new User() as User & Record<string, unknown>;
    for (const [column, property] of this.mapping) user[property] = row[column];
    return user;
  }

  /**
   * Reads the row and holds it until the transaction ends. Whatever publishes an event of this user does so under this lock.
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
  async lockOwn(tx: EntityManager, { userId, sessionId }: Principal): Promise<User> {
    const [row] = await this.statements.run<Record<string, unknown>>(tx, this.lockOwnStatement, [userId, sessionId]);
    if (!row) throw invalidAccessToken();
    return this.fromRow(row);
  }

  /** Holds the row until the transaction ends without reading it, and lets rows that refer to it be added. */
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
    try {
      return await tx.save(User, tx.create(User, values));
    } catch (error) {
      // The unique index decides, not a look-up before it: two sign-ups may race.
      if (isUniqueViolation(error, 'idx_users_email')) {
        const details = [{ field: 'email', rule: 'taken' as const, message: 'email belongs to an account already' }];
        throw new AppError('email_taken', { details });
      }
      throw error;
    }
  }

  /** Writes the changed columns of a row that the caller holds, and the moment of the change. */
  async change(tx: EntityManager, user: User, changes: Partial<User>): Promise<User> {
    await this.statements.run(tx, ...this.changing(tx, user, changes));
    return user;
  }

  /** What `change` writes, for `Statements.runTogether`; `user` has the new values from here on. */
  changing(tx: EntityManager, user: User, changes: Partial<User>): Call {
    const changed: Partial<User> = { ...changes, updatedAt: new Date() };
    const properties = Object.keys(changed) as (keyof User)[];
    const places = properties.map((property, index) => `${this.columnOf.get(property)} = $${index + 2}`);
    const text = `UPDATE users SET ${places.join(', ')} WHERE id = $1`;
    Object.assign(user, changed);
    this.profiles.writeThrough(tx, user);
    return [{ text }, [user.id, ...properties.map((property) => changed[property])]];
  }

  /** Removes the row, and by cascade what belongs to the user in other tables. */
  async remove(tx: EntityManager, user: User): Promise<void> {
    await tx.delete(User, { id: user.id });
  }

  /**
   * Notes a sign-in, in one statement with the check that the account is still active and the password the one compared.
   * @param user has the row as it stands from here on
   * @returns false where a deactivation or a password change came first
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
 * An account that kept an older spelling is found by it before another account of the same mailbox is: else it would have no way
 * in. Most addresses have one spelling only, and one condition.
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
