import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { MemberCardController } from './member-card.controller.js';
import { MemberCardService } from './member-card.service.js';
import { PreferencesController } from './preferences.controller.js';
import { PreferencesService } from './preferences.service.js';

@Module({
  imports: [UsersModule],
  controllers: [PreferencesController, MemberCardController],
  providers: [PreferencesService, MemberCardService],
  exports: [PreferencesService, MemberCardService],
})
export class PreferencesModule {}
