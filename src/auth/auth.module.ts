import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccessTokens } from './access-tokens.js';
import { AuthController } from './auth.controller.js';
import { JwtGuard } from './jwt.guard.js';
import { LoginService } from './login.service.js';
import { LoginThrottle } from './login-throttle.js';
import { LogoutService } from './logout.service.js';
import { OneTimeToken } from './one-time-token.entity.js';
import { RegisterService } from './register.service.js';
import { SignInService } from './sign-in.service.js';

@Module({
  imports: [
    JwtModule.register({}),
    TypeOrmModule.forFeature([OneTimeToken]),
    UsersModule,
    PreferencesModule,
    SessionsModule,
  ],
  controllers: [AuthController],
  providers: [
    AccessTokens,
    SignInService,
    RegisterService,
    LoginService,
    LoginThrottle,
    LogoutService,
    JwtGuard,
    { provide: APP_GUARD, useExisting: JwtGuard },
  ],
  exports: [SignInService],
})
export class AuthModule {}
