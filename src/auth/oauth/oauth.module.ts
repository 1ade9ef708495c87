import { Module } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { MailModule } from '../../mail/mail.module.js';
import { PreferencesModule } from '../../preferences/preferences.module.js';
import { SessionsModule } from '../../sessions/sessions.module.js';
import { UsersModule } from '../../users/users.module.js';
import { AuthModule } from '../auth.module.js';
import { OAuthAccounts } from './oauth-accounts.js';
import { OAuthStateCookie } from './oauth-state-cookie.js';
import { OAuthCallbackService } from './oauth-callback.service.js';
import { OAuthExchangeService } from './oauth-exchange.service.js';
import { OAuthLinking } from './oauth-linking.js';
import { OAuthStartService } from './oauth-start.service.js';
import { OAuthStates } from './oauth-states.js';
import { OAuthStartController } from './oauth-start.controller.js';
import { OAuthController } from './oauth.controller.js';
import { ProviderClient } from './provider-client.js';

/** Sign-in with Google and LinkedIn. */
@Module({
  imports: [AuthModule, MailModule, UsersModule, PreferencesModule, SessionsModule],
  controllers: [OAuthStartController, OAuthController],
  providers: [
    ProviderClient,
    OAuthStates,
    OAuthStartService,
    OAuthCallbackService,
    OAuthExchangeService,
    OAuthAccounts,
    OAuthLinking,
    {
      provide: OAuthStateCookie,
      inject: [Settings],
      useFactory: ({ publicBaseUrl }: Settings) => new OAuthStateCookie(publicBaseUrl),
    },
  ],
})
export class OAuthModule {}
