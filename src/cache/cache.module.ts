import { Global, Module, OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Logger } from '../common/logger.js';
import { LOGGER } from '../common/logger.module.js';
import { Settings } from '../config/settings.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { EntrySigner } from './entry-signer.js';
import { EphemeralStore } from './ephemeral-store.js';
import { EphemeralValue } from './ephemeral-value.entity.js';
import { Limits } from './limits.js';
import { connectRedis, redisLabel } from './redis.js';
import { UserCaches } from './user-caches.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([EphemeralValue])],
  providers: [
    EntrySigner,
    EphemeralStore,
    {
      provide: CircuitBreaker,
      inject: [Settings, LOGGER],
      useFactory: (settings: Settings, logger: Logger) =>
        new CircuitBreaker(connectRedis(settings), logger, redisLabel(settings)),
    },
    Limits,
    UserCaches,
  ],
  exports: [CircuitBreaker, EntrySigner, EphemeralStore, Limits, UserCaches],
})
export class CacheModule implements OnApplicationShutdown {
  constructor(private readonly breaker: CircuitBreaker) {}

  onApplicationShutdown(): void {
    this.breaker.stop();
  }
}
