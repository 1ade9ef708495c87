import { Global, Module, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from '../common/logger.js';
import { LOGGER } from '../common/logger.module.js';
import { Settings } from '../config/settings.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { Limits } from './limits.js';
import { connectRedis } from './redis.js';

@Global()
@Module({
  providers: [
    {
      provide: CircuitBreaker,
      inject: [Settings, LOGGER],
      useFactory: (settings: Settings, logger: Logger) => new CircuitBreaker(connectRedis(settings), logger),
    },
    Limits,
  ],
  exports: [CircuitBreaker, Limits],
})
export class CacheModule implements OnApplicationShutdown {
  constructor(private readonly breaker: CircuitBreaker) {}

  onApplicationShutdown(): void {
    this.breaker.stop();
  }
}
