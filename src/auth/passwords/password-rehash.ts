import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import { PasswordHasher } from '../../crypto/password-hasher.js';
import type { User } from '../../users/user.entity.js';
import { UserPasswords } from '../../users/user-passwords.js';

/** Replaces hashes of another kind or cost, at a sign-in that proved the password. */
@Injectable()
export class PasswordRehash implements OnApplicationShutdown {
  private last = Promise.resolve();
  private readonly pending = new Set<string>();

  constructor(
    private readonly hasher: PasswordHasher,
    private readonly passwords: UserPasswords,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Does nothing where no processor is idle: the next sign-in tries again. */
  afterAnswer(user: User, password: string): void {
    if (this.hasher.isCurrent(user.passwordHash!) || this.pending.has(user.id)) return;
    this.pending.add(user.id);
    this.last = this.last.then(() => this.replace(user, password));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.last;
  }

  private async replace(user: User, password: string): Promise<void> {
    try {
      const hash = await this.hasher.rehash(password);
      if (hash !== null) await this.passwords.replaceHash(user, hash);
    } catch (err) {
      this.logger.warn({ err, user_id: user.id }, 'the hash of a password was not replaced');
    } finally {
      this.pending.delete(user.id);
    }
  }
}
