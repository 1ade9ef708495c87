import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../common/after-commit.js';
import { authResults } from '../common/metrics.js';
import type { RequestContext } from '../common/request-context.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { OutboxService } from '../events/outbox.service.js';
import { userCreated } from '../events/user-events.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { UsersService } from '../users/users.service.js';
import type { RegisterBody, TokenBody } from './auth.dto.js';
import { requireGoodPassword } from './password-rules.js';
import { SignInService } from './sign-in.service.js';

@Injectable()
export class RegisterService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly preferences: PreferencesService,
    private readonly hasher: PasswordHasher,
    private readonly signIn: SignInService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /** @throws AppError `weak_password`, `email_taken`, `busy` */
  async register(body: RegisterBody, context: RequestContext): Promise<TokenBody> {
    requireGoodPassword(body.password, body);
    const passwordHash = await this.hasher.hash(body.password);
    const { user, session } = await runInTransaction(this.database, async (tx) => {
      const created = await this.users.create(tx, {
        email: body.email,
        name: body.name,
        passwordHash,
        lastLogin: new Date(),
      });
      await this.preferences.createDefaults(tx, created.id);
      await this.outbox.add(tx, userCreated(created), context);
      await this.audit.record(tx, { action: 'user.registered', actorId: created.id, targetId: created.id }, context);
      return { user: created, session: await this.signIn.openSession(tx, created, context, body.device_info) };
    });
    authResults.inc({ action: 'register', result: 'ok' });
    return this.signIn.answer(user, session);
  }
}
