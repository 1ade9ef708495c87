import { DynamicModule, Inject, Module, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from './logger.js';

export const LOGGER = Symbol('LOGGER');

@Module({})
export class LoggerModule implements OnApplicationShutdown {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  /** Lines wait in a buffer; the last ones must not stay there. */
  onApplicationShutdown(): void {
    this.logger.flush();
  }

  static with(logger: Logger): DynamicModule {
    return {
      module: LoggerModule,
      global: true,
      providers: [{ provide: LOGGER, useValue: logger }],
      exports: [LOGGER],
    };
  }
}
