import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { refuseTaken, releaseEmail, releaseLaterEmails, requireUnreserved, reserveEmail } from './former-emails.js';
import type { User } from '../user.entity.js';
import { UsersService } from '../users.service.js';

/** Changes the address of a user whose row the transaction holds. */
@Injectable()
export class UserEmails {
  constructor(private readonly users: UsersService) {}

  /**
   * Replaces the address; the former one stays reserved for its undo.
   * @param verifiedAt null for an address that is not confirmed
   * @throws AppError `email_taken`
   */
  async change(tx: EntityManager, user: User, email: string, verifiedAt: Date | null): Promise<void> {
    await reserveEmail(tx, user);
    await releaseEmail(tx, user.id, email);
    await this.write(tx, user, { email, emailLegacy: null, emailVerifiedAt: verifiedAt });
  }

  /**
   * Restores a former address and whether it was confirmed. The addresses since then are not reserved.
   * @throws AppError `email_taken`
   */
  async restore(tx: EntityManager, user: User, email: string): Promise<void> {
    if (email === user.email) return;
    const former = await releaseEmail(tx, user.id, email);
    if (former) await releaseLaterEmails(tx, former);
    const { emailLegacy = null, emailVerifiedAt = null } = former ?? {};
    await this.write(tx, user, { email, emailLegacy, emailVerifiedAt });
  }

  private async write(
    tx: EntityManager,
    user: User,
    changes: Pick<User, 'email' | 'emailLegacy' | 'emailVerifiedAt'>,
  ): Promise<void> {
    const isVerified = changes.emailVerifiedAt !== null;
    const proof = isVerified ? {} : { passwordProvenAt: null };
    await this.users.change(tx, user, { ...changes, ...proof, isVerified }).catch(refuseTaken);
    await requireUnreserved(tx, user);
  }
}
