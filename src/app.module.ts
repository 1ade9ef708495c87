import { DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { migrations } from '../migrations/index.js';
import { AdminModule } from './admin/admin.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { OAuthModule } from './auth/oauth/oauth.module.js';
import { CacheModule } from './cache/cache.module.js';
import { CompatModule } from './compat/compat.module.js';
import type { Logger } from './common/logging/logger.js';
import { LifecycleModule } from './common/lifecycle.module.js';
import { LoggerModule } from './common/logging/logger.module.js';
import { DatabaseModule } from './database/database.module.js';
import { poolOptions } from './database/connection-options.js';
import { Settings } from './config/settings.js';
import { SettingsModule } from './config/settings.module.js';
import { entities } from './entities.js';
import { CryptoModule } from './crypto/crypto.module.js';
import { EventsModule } from './events/events.module.js';
import { HealthModule } from './health/health.module.js';
import { PreferencesModule } from './preferences/preferences.module.js';
import { PrivacyModule } from './privacy/privacy.module.js';
import { RateLimitModule } from './rate-limit/rate-limit.module.js';
import { RedisModule } from './redis/redis.module.js';
import { ServicesModule } from './services/services.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { UsersModule } from './users/users.module.js';

@Module({})
export class AppModule {
  static with(settings: Settings, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.with(settings),
        LoggerModule.with(logger),
        TypeOrmModule.forRoot({
          ...poolOptions(settings),
          entities,
          migrations,
          // `waitForDatabase` has retried what can be retried.
          retryAttempts: 1,
        }),
        LifecycleModule,
        CryptoModule,
        DatabaseModule,
        RedisModule,
        RateLimitModule,
        CacheModule,
        AuditModule,
        EventsModule,
        UsersModule,
        PreferencesModule,
        SessionsModule,
        ServicesModule,
        AuthModule,
        OAuthModule,
        PrivacyModule,
        AdminModule,
        ...(settings.compatEnabled ? [CompatModule] : []),
        HealthModule,
      ],
    };
  }
}
