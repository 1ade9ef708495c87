import 'reflect-metadata';
import { type DynamicModule, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CacheModule } from '../../src/cache/cache.module.js';
import { createLogger } from '../../src/common/logging/logger.js';
import { LoggerModule } from '../../src/common/logging/logger.module.js';
import type { Settings } from '../../src/config/settings.js';
import { SettingsModule } from '../../src/config/settings.module.js';
import { CryptoModule } from '../../src/crypto/crypto.module.js';
import { databaseOptions } from '../../src/database/connection-options.js';
import { DatabaseModule } from '../../src/database/database.module.js';
import { EventsModule } from '../../src/events/events.module.js';
import { RedisModule } from '../../src/redis/redis.module.js';

@Module({})
class RelayModule {
  static with(settings: Settings, url: string): DynamicModule {
    const logger = createLogger('error', null);
    const database = TypeOrmModule.forRoot({ ...databaseOptions(settings, url), autoLoadEntities: true });
    const own = [SettingsModule.with(settings), LoggerModule.with(logger), database];
    const imports = [...own, CryptoModule, DatabaseModule, RedisModule, CacheModule, EventsModule];
    return { module: RelayModule, imports };
  }
}

/** Starts a relay in this process: it publishes where no instance of the service runs, and waits for the lock where one does. */
export function startRelay(settings: Settings, url: string): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(RelayModule.with(settings, url), { logger: false });
}
