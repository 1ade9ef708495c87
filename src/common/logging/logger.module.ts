import { DynamicModule, Module } from '@nestjs/common';
import type { Logger } from './logger.js';

export const LOGGER = Symbol('LOGGER');

@Module({})
export class LoggerModule {
  static with(logger: Logger): DynamicModule {
    return {
      module: LoggerModule,
      global: true,
      providers: [{ provide: LOGGER, useValue: logger }],
      exports: [LOGGER],
    };
  }
}
