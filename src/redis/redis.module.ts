import { Global, Module, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { connectRedis, redisLabel } from './connection.js';
import { EntrySigner } from './entry-signer.js';
import { EphemeralStore } from './ephemeral.store.js';

@Global()
@Module({
  providers: [
    EntrySigner,
    EphemeralStore,
    {
      provide: CircuitBreaker,
      inject: [Settings, LOGGER],
      useFactory: (settings: Settings, logger: Logger) =>
        new CircuitBreaker(connectRedis(settings), logger, redisLabel(settings)),
    },
  ],
  exports: [CircuitBreaker, EntrySigner, EphemeralStore],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(private readonly breaker: CircuitBreaker) {}

  onApplicationShutdown(): void {
    this.breaker.stop();
  }
}
