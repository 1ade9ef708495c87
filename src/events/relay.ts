import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { UserCaches } from '../cache/user-caches.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { publishErrors, relayActive } from './event-metrics.js';
import { EventPublisher } from './event-publisher.js';
import { OutboxProcessor } from './outbox-processor.js';
import { anyPending } from './outbox-queue.js';
import { OutboxCleanup } from './outbox-cleanup.js';
import { RelayWakeup } from './relay-wakeup.js';
import { LEASE_MS, LeaderLock } from './leader-lock.js';

/** Milliseconds. How often a relay looks for events by itself, and the others for the lock. */
const POLL_MS = 500;
/** From the begin of one look to the next under load: events that gather meanwhile cost the broker and PostgreSQL as much as one. */
const MIN_CYCLE_MS = 50;
/** How long a new relay holds back where its predecessor may have left something on its way to the broker. */
const HANDOVER_MS = LEASE_MS + 500;
/** A round ends after this long, so that a replay finds its turn. */
const MAX_CYCLE_MS = 1000;
const MAX_BACKOFF_MS = 1000;
/** After this long without a broker the lock is offered to the other instances, whose way there may be open. */
const MAX_FAILING_MS = 15_000;

/**
 * Publishes the outbox: one relay at a time over all instances, every event at least once and, per user, in order. An event
 * is marked only after the broker has acknowledged it, and whoever is relay next begins with the oldest unmarked one; so
 * what a consumer sees for the first time is always in order, and what it sees again it knows by its `event_id`. That such
 * repetitions do not trail behind newer events is what the lease of the lock and the pause of the successor are for.
 */
@Injectable()
export class Relay implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly publisher: EventPublisher;
  private readonly drain: OutboxProcessor;
  private readonly sweep: OutboxCleanup;
  private lock: LeaderLock | null = null;
  private running: Promise<void> | undefined;
  private stopping = false;
  private lossReported = false;
  private failures = 0;
  private failingSince = 0;

  constructor(
    private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bell: RelayWakeup,
    caches: UserCaches,
  ) {
    this.publisher = new EventPublisher(settings, logger, () => this.lock?.isLeaseValid ?? false);
    this.drain = new OutboxProcessor(this.publisher, caches, logger);
    this.sweep = new OutboxCleanup(settings.outboxRetentionDays, logger);
  }

  onApplicationBootstrap(): void {
    if (this.settings.kafka.brokers.length > 0) this.running = this.run();
  }

  /** Ends after the batch that is on its way, a few seconds at the most. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.bell.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.runAsLeader();
      } catch (error) {
        if (!this.lossReported)
          this.logger.warn({ err: error }, 'lost the connection that decides which instance publishes the events');
        this.lossReported = true;
      }
      await this.sleep(POLL_MS);
    }
  }

  /** Waits for the lock, and publishes as long as it is held. */
  private async runAsLeader(): Promise<void> {
    const lock = await LeaderLock.connect(this.settings, () => {
      this.bell.wake();
      this.publisher.abort();
    });
    try {
      while (!(await lock.tryAcquire())) {
        this.lossReported = false;
        await this.sleep(POLL_MS);
        if (this.stopping) return;
      }
      this.lossReported = false;
      this.lock = lock;
      this.bell.local = true;
      relayActive.set(1);
      this.logger.info('this instance publishes the events now');
      if (await anyPending(lock)) await this.sleep(HANDOVER_MS);
      await this.publishWhileHeld(lock);
    } finally {
      this.lock = null;
      this.bell.local = false;
      relayActive.set(0);
      await this.publisher.close();
      await lock.close();
    }
  }

  private async publishWhileHeld(lock: LeaderLock): Promise<void> {
    this.failures = 0;
    while (!this.stopping) {
      try {
        await this.publishCycle(lock);
      } catch (error) {
        await this.backOff(lock, error);
      }
    }
  }

  /** Publishes what there is and what comes, for the length of a round. */
  private async publishCycle(lock: LeaderLock): Promise<void> {
    if (!(await lock.enterCycle())) return this.sleep(POLL_MS);
    const end = performance.now() + MAX_CYCLE_MS;
    try {
      while (!this.stopping && performance.now() < end) {
        const begun = performance.now();
        await this.drain.run(lock, () => !this.stopping && performance.now() < end);
        if (this.failures > 0) this.logger.info('events are published again');
        this.failures = 0;
        await this.sweep.runWhenDue(lock);
        await this.bell.wait(Math.min(POLL_MS, Math.max(0, end - performance.now())));
        await this.sleep(begun + MIN_CYCLE_MS - performance.now());
      }
    } finally {
      await lock.leaveCycle();
    }
  }

  /** @throws Error where this instance should no longer be the relay */
  private async backOff(lock: LeaderLock, error: unknown): Promise<void> {
    if (!lock.isConnected) throw error;
    publishErrors.inc();
    if (this.failures === 0) {
      this.failingSince = performance.now();
      this.logger.warn({ err: error }, 'events cannot be published; they wait in the outbox');
    }
    this.failures += 1;
    if (performance.now() - this.failingSince > MAX_FAILING_MS) throw error;
    await this.sleep(Math.min(100 * 2 ** this.failures, MAX_BACKOFF_MS));
  }

  /** Not woken by events, only by the end. */
  private async sleep(time: number): Promise<void> {
    for (const end = performance.now() + time; !this.stopping && performance.now() < end;)
      await this.bell.wait(end - performance.now());
  }
}
