import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailModule } from '../mail/mail.module.js';
import { UsersModule } from '../users/users.module.js';
import { SessionValidator } from './session-validator.js';
import { OwnSessionsService } from './own-sessions.service.js';
import { KnownDevices } from './known-devices.js';
import { RefreshReplays } from './refresh-replays.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SessionCache } from './session-cache.js';
import { RefreshTokenRotation } from './refresh-token-rotation.js';
import { Session } from './session.entity.js';
import { SecurityActivityController } from './security-activity.controller.js';
import { SecurityActivityService } from './security-activity.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Session]), MailModule, UsersModule],
  controllers: [SessionsController, SecurityActivityController],
  providers: [
    SessionsService,
    OwnSessionsService,
    SecurityActivityService,
    KnownDevices,
    RefreshTokenRotation,
    RefreshReplays,
    SessionValidator,
    SessionCache,
    RefreshTokens,
  ],
  exports: [SessionsService, KnownDevices, RefreshTokenRotation, SessionValidator],
})
export class SessionsModule {}
