import { Inject, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { MailModule } from '../mail/mail.module.js';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { ServicesModule } from '../services/services.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountEviction } from './account-eviction.js';
import { AccessTokens, accessTokenOptions } from './tokens/access-tokens.js';
import { AuthController } from './auth.controller.js';
import { EmailController } from './email/email.controller.js';
import { AddressChangeService } from './email/address-change.service.js';
import { EmailVerificationService } from './email/email-verification.service.js';
import { JwksController } from './keys/jwks.controller.js';
import { SigningKeys } from './keys/signing-keys.js';
import { ExpiredRowsCleanup } from './expired-rows-cleanup.js';
import { JwtGuard } from './tokens/jwt.guard.js';
import { LockNotice } from './passwords/lock-notice.js';
import { LoginService } from './login.service.js';
import { LoginThrottle } from './passwords/login-throttle.js';
import { LogoutService } from './tokens/logout.service.js';
import { PasswordUpdater } from './passwords/password-updater.js';
import { Factors } from './mfa/factors.js';
import { MfaCodes } from './mfa/mfa-codes.js';
import { MfaResets } from './mfa/mfa-resets.js';
import { MfaController } from './mfa/mfa.controller.js';
import { MfaService } from './mfa/mfa.service.js';
import { MfaSignInController } from './mfa/mfa-sign-in.controller.js';
import { MfaSignInService } from './mfa/mfa-sign-in.service.js';
import { MfaTokens } from './mfa/mfa-tokens.js';
import { RecoveryCodes } from './mfa/recovery-codes.js';
import { TotpFactors } from './mfa/totp-factors.js';
import { NotMeController } from './not-me/not-me.controller.js';
import { NotMeService } from './not-me/not-me.service.js';
import { OwnPasskeysService } from './passkeys/own-passkeys.service.js';
import { PasskeySignInController } from './passkeys/passkey-sign-in.controller.js';
import { PasskeySignInService } from './passkeys/passkey-sign-in.service.js';
import { PasskeySignUpService } from './passkeys/passkey-sign-up.service.js';
import { Passkeys } from './passkeys/passkeys.js';
import { PasskeysController } from './passkeys/passkeys.controller.js';
import { WebAuthn } from './passkeys/webauthn.js';
import { WebAuthnChallenges } from './passkeys/webauthn-challenges.js';
import { PagesController } from './pages/pages.controller.js';
import { PasswordChangeService } from './passwords/password-change.service.js';
import { PasswordController } from './passwords/password.controller.js';
import { PasswordRehash } from './passwords/password-rehash.js';
import { PasswordResetService } from './passwords/password-reset.service.js';
import { PasswordRules } from './passwords/password-rules.js';
import { StrengthWorker } from './passwords/strength-worker.js';
import { PasswordFailures } from './passwords/password-failures.js';
import { PasswordConfirmation } from './passwords/password-confirmation.js';
import { ReauthenticationController } from './step-up/reauthentication.controller.js';
import { ReauthenticationService } from './step-up/reauthentication.service.js';
import { RecentAuthentication } from './step-up/recent-authentication.js';
import { RecentAuthenticationGuard } from './step-up/recent-authentication.guard.js';
import { RefreshService } from './tokens/refresh.service.js';
import { RegisterService } from './register.service.js';
import { RepeatedSignIns } from './repeated-sign-ins.js';
import { SignInService } from './sign-in.service.js';
import { VerifyController } from './tokens/verify.controller.js';
import { WriteLimitGuard } from '../rate-limit/write-limit.guard.js';

@Module({
  imports: [
    JwtModule.registerAsync({ inject: [Settings], useFactory: accessTokenOptions }),
    MailModule,
    UsersModule,
    PreferencesModule,
    SessionsModule,
    ServicesModule,
  ],
  controllers: [
    AuthController,
    PasswordController,
    EmailController,
    NotMeController,
    PagesController,
    VerifyController,
    JwksController,
    MfaController,
    MfaSignInController,
    ReauthenticationController,
    PasskeySignInController,
    PasskeysController,
  ],
  providers: [
    SigningKeys,
    AccessTokens,
    SignInService,
    TotpFactors,
    RecoveryCodes,
    Passkeys,
    WebAuthnChallenges,
    WebAuthn,
    RepeatedSignIns,
    OwnPasskeysService,
    PasskeySignInService,
    PasskeySignUpService,
    Factors,
    MfaCodes,
    MfaResets,
    MfaTokens,
    MfaService,
    MfaSignInService,
    RegisterService,
    LoginService,
    LockNotice,
    LoginThrottle,
    LogoutService,
    AccountEviction,
    StrengthWorker,
    PasswordRules,
    PasswordRehash,
    PasswordUpdater,
    PasswordResetService,
    PasswordChangeService,
    EmailVerificationService,
    AddressChangeService,
    NotMeService,
    RefreshService,
    ExpiredRowsCleanup,
    PasswordConfirmation,
    PasswordFailures,
    RecentAuthentication,
    ReauthenticationService,
    JwtGuard,
    { provide: APP_GUARD, useExisting: JwtGuard },
    { provide: APP_GUARD, useClass: WriteLimitGuard },
    { provide: APP_GUARD, useClass: RecentAuthenticationGuard },
  ],
  exports: [
    PasswordRules,
    MfaService,
    MfaTokens,
    RepeatedSignIns,
    SignInService,
    LoginThrottle,
    AddressChangeService,
    AccountEviction,
    PasswordConfirmation,
    RecentAuthentication,
    TotpFactors,
    MfaResets,
  ],
})
export class AuthModule {
  constructor({ jwt }: Settings, @Inject(LOGGER) logger: Logger) {
    if (jwt.binding === 'accept')
      logger.warn('JWT_BINDING=accept: with JWT_SECRET alone tokens can be made; set it to require after the upgrade');
  }
}
