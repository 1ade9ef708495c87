import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { MailModule } from '../mail/mail.module.js';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { PrivacyModule } from '../privacy/privacy.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AdminReads } from './admin-reads.js';
import { AdminBootstrapService } from './admin-bootstrap.service.js';
import { AdminAuditController } from './audit.controller.js';
import { AdminMeController } from './me.controller.js';
import { AdminAccountsController } from './user-accounts.controller.js';
import { UserAccountsService } from './user-accounts.service.js';
import { UserChangesService } from './user-changes.service.js';
import { UserDetailService } from './user-detail.service.js';
import { UserListService } from './user-list.service.js';
import { AdminUsersController } from './users.controller.js';

@Module({
  imports: [UsersModule, PreferencesModule, SessionsModule, AuthModule, PrivacyModule, MailModule],
  controllers: [AdminMeController, AdminUsersController, AdminAccountsController, AdminAuditController],
  providers: [
    AdminReads,
    UserListService,
    UserDetailService,
    UserChangesService,
    UserAccountsService,
    AdminBootstrapService,
  ],
  exports: [AdminReads, UserChangesService],
})
export class AdminModule {}
