import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { runInTransaction } from '../../database/transaction.js';
import { AppError } from '../../common/errors.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import type { Provider } from '../../config/settings.auth.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { accountUnlinkedMail } from '../../mail/messages.js';
import { IdentitiesService, mirrorOf } from './identities.service.js';
import { SecurityNotices } from '../links/security-notices.js';
import { UsersService } from '../users.service.js';

@Injectable()
export class UnlinkService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
  ) {}

  /** @throws AppError `not_found`, `last_sign_in_method` */
  async unlink(principal: Principal, provider: Provider, context: RequestContext): Promise<void> {
    const { userId } = principal;
    await runInTransaction(this.database, async (tx) => {
      // Under the lock: otherwise two requests at once could each leave the other's identity as the last.
      const user = await this.users.lockOwn(tx, principal);
      const all = await this.identities.listOf(userId, tx);
      const rest = all.filter((identity) => identity.provider !== provider);
      if (rest.length === all.length) throw new AppError('not_found');
      // An unproven password or passkey may be an attacker's, so it does not count.
      const hasOther = user.passwordProvenAt !== null || user.passkeyStatus === 'proven';
      if (rest.length === 0 && !hasOther) throw new AppError('last_sign_in_method');
      await this.identities.remove(tx, userId, provider);
      if (user.oauthProvider === provider) {
        await this.users.change(tx, user, mirrorOf(rest[0]));
        await this.outbox.add(tx, userUpdated(userId, ['oauth_provider']), context);
      }
      const entry = { action: 'identity.unlinked', actorId: userId, targetId: userId, before: { provider } };
      await this.audit.record(tx, entry, context);
      await this.notices.add(tx, user, context, (notice) => accountUnlinkedMail(user, notice, provider));
    });
  }
}
