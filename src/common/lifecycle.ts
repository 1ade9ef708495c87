import { Global, Injectable, Module } from '@nestjs/common';

/** Whether the process still wants work; readiness reads it, the signal handler writes it. */
@Injectable()
export class Lifecycle {
  draining = false;
}

@Global()
@Module({ providers: [Lifecycle], exports: [Lifecycle] })
export class LifecycleModule {}
