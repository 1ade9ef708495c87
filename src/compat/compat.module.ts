import { Module } from '@nestjs/common';
import { profileSyncs, registry } from '../common/logging/metrics.js';
import { AdminModule } from '../admin/admin.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { UsersModule } from '../users/users.module.js';
import { MobileAvatarController } from './mobile-avatar.controller.js';
import { MobileProfileController } from './mobile-profile.controller.js';
import { MobileProfileService } from './mobile-profile.service.js';
import { PortalSecurityController } from './portal-security.controller.js';
import { PortalUsersController } from './portal-users.controller.js';
import { PortalUsersService } from './portal-users.service.js';

/** Routes in the shapes that the platform's existing apps send and expect, mapped onto the use cases of the other modules. */
@Module({
  imports: [UsersModule, PreferencesModule, AuthModule, AdminModule],
  controllers: [MobileProfileController, MobileAvatarController, PortalUsersController, PortalSecurityController],
  providers: [MobileProfileService, PortalUsersService],
})
export class CompatModule {
  constructor() {
    registry.registerMetric(profileSyncs);
  }
}
