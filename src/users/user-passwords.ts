import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, LessThan, type Repository } from 'typeorm';
import { User } from './user.entity.js';

/** Counts the wrong passwords of a user, and replaces hashes. A new password is a change of the user, by `UsersService`. */
@Injectable()
export class UserPasswords {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /** Stores another hash of the same password, unless the password was changed. */
  async replaceHash(user: User, hash: string): Promise<void> {
    await this.users.update({ id: user.id, passwordHash: user.passwordHash! }, { passwordHash: hash });
  }

  /** @returns the wrong passwords in a row; null if there were `max` before, or the password was changed */
  async countFailure(tx: EntityManager, user: User, max: number): Promise<number | null> {
    const [rows]: [{ password_failures: number }[]] = await tx.query(
      `UPDATE users SET password_failures = password_failures + 1
        WHERE id = $1 AND password_generation = $2 AND password_failures < $3 RETURNING password_failures`,
      [user.id, user.passwordGeneration, max],
    );
    return rows[0]?.password_failures ?? null;
  }

  /** @returns false if there are `max` by now */
  async clearFailures({ id }: User, max: number): Promise<boolean> {
    const { affected } = await this.users.update({ id, passwordFailures: LessThan(max) }, { passwordFailures: 0 });
    return affected === 1;
  }
}
