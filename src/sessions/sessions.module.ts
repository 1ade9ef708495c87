import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { UsersModule } from '../users/users.module.js';
import { LiveSessions } from './live-sessions.js';
import { OwnSessionsService } from './own-sessions.service.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SessionCache } from './session-cache.js';
import { SessionRotation } from './session-rotation.js';
import { Session } from './session.entity.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Session]), UsersModule],
  controllers: [SessionsController],
  providers: [SessionsService, OwnSessionsService, SessionRotation, LiveSessions, SessionCache, RefreshTokens],
  exports: [SessionsService, SessionRotation, LiveSessions],
})
export class SessionsModule {}
