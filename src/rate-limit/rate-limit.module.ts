import { Global, Module } from '@nestjs/common';
import { Limits } from './rate-limits.js';

@Global()
@Module({ providers: [Limits], exports: [Limits] })
export class RateLimitModule {}
