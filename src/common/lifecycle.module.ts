import { Global, Injectable, Module } from '@nestjs/common';

/** Whether the process is shutting down: set by the signal handler, read by the readiness probe. */
@Injectable()
export class Lifecycle {
  draining = false;
  private readonly listeners: (() => void)[] = [];

  startDraining(): void {
    this.draining = true;
    for (const listener of this.listeners) listener();
  }

  onDraining(listener: () => void): void {
    this.listeners.push(listener);
  }
}

@Global()
@Module({ providers: [Lifecycle], exports: [Lifecycle] })
export class LifecycleModule {}
