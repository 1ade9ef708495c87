import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { MailModule } from '../mail/mail.module.js';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { ErasureService } from './erasure.service.js';
import { ExportService } from './export.service.js';
import { PrivacyController } from './privacy.controller.js';

@Module({
  imports: [UsersModule, PreferencesModule, SessionsModule, AuthModule, MailModule],
  controllers: [PrivacyController],
  providers: [ExportService, ErasureService],
  exports: [ExportService, ErasureService],
})
export class PrivacyModule {}
