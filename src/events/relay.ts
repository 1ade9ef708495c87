import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { AuditWitness } from '../audit/witness/audit-witness.js';
import { UserCaches } from '../cache/user-caches.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { CheckpointPublisher } from './checkpoint-publisher.js';
import { publishErrors, relayActive } from './event-metrics.js';
import { EventPublisher } from './event-publisher.js';
import { LEASE_MS, LeaderLock } from './leader-lock.js';
import { OutboxCleanup } from './outbox-cleanup.js';
import { OutboxProcessor } from './outbox-processor.js';
import { RelayWakeup } from './relay-wakeup.js';

/** How often the leader looks for events without a wake-up, and the other instances for the lock. */
const POLL_MS = 500;
/** Between the starts of two cycles under load: events that gather share a request to the broker and a commit. */
const MIN_CYCLE_MS = 50;
/** A longer cycle would hold up a replay. */
const MAX_CYCLE_MS = 1000;
/** How long a new leader waits where its predecessor may have a request on its way to the broker. */
const HANDOVER_MS = LEASE_MS + 500;
const MAX_BACKOFF_MS = 1000;
/** After this long without a broker the lock is released: another instance may reach one. */
const MAX_FAILING_MS = 15_000;

/**
 * Publishes the outbox (transactional outbox; Richardson, Microservices Patterns, chapter 3). One instance leads at a time.
 * Each event is published at least once and, for each user, in order: an event is marked after the broker has acknowledged
 * it, and a new leader starts at the oldest unmarked event, so a consumer sees first deliveries in order and recognises
 * repeated ones by `event_id`. The lease and the hand-over pause keep repeated deliveries from trailing behind newer events.
 */
@Injectable()
export class Relay implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly publisher: EventPublisher;
  private readonly processor: OutboxProcessor;
  private readonly cleanup: OutboxCleanup;
  private readonly shutdown = new AbortController();
  private readonly checkpoints: CheckpointPublisher;
  private readonly witness: AuditWitness | null;
  private running: Promise<void> | undefined;
  private lock: LeaderLock | null = null;
  private lossReported = false;
  private failures = 0;
  private failingSince = 0;

  constructor(
    private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly wakeup: RelayWakeup,
    caches: UserCaches,
  ) {
    this.publisher = new EventPublisher(settings, logger, () => this.lock?.isLeaseValid ?? false);
    this.processor = new OutboxProcessor(this.publisher, caches, logger);
    this.cleanup = new OutboxCleanup(settings.outboxRetentionDays, logger);
    this.checkpoints = new CheckpointPublisher(settings);
    const { witness } = settings;
    this.witness = witness && new AuditWitness(witness, logger, (note) => this.checkpoints.publish(note));
  }

  onApplicationBootstrap(): void {
    if (this.settings.kafka.brokers.length > 0) this.running = this.run();
  }

  /** Waits for the batch that is being published, a few seconds at most. */
  async onApplicationShutdown(): Promise<void> {
    this.shutdown.abort();
    this.wakeup.wake();
    await this.running;
  }

  private get stopping(): boolean {
    return this.shutdown.signal.aborted;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        this.lock ??= await this.connect();
        if (this.lock.isHeld) await this.publishCycle(this.lock);
        else await this.tryToLead(this.lock);
      } catch (error) {
        if (this.mayRetry()) await this.backOff(error);
        else await this.giveUp(error);
      }
    }
    await this.stopLeading();
  }

  private connect(): Promise<LeaderLock> {
    return LeaderLock.connect(this.settings, () => {
      this.wakeup.wake();
      this.publisher.abort();
    });
  }

  private async tryToLead(lock: LeaderLock): Promise<void> {
    const acquired = await lock.tryAcquire();
    this.lossReported = false;
    if (!acquired) return this.sleep(POLL_MS);
    this.wakeup.local = true;
    relayActive.set(1);
    this.failures = 0;
    this.logger.info('this instance publishes the events now');
    this.witness?.start(lock);
    if (await this.processor.hasPending(lock)) await this.sleep(HANDOVER_MS);
  }

  /** Publishes what is pending, and waits for more. */
  private async publishCycle(lock: LeaderLock): Promise<void> {
    const started = performance.now();
    if (!(await lock.enterCycle())) return this.sleep(POLL_MS);
    try {
      await this.processor.publishPending(lock, () => !this.stopping && performance.now() < started + MAX_CYCLE_MS);
      if (this.failures > 0) this.logger.info('events are published again');
      this.failures = 0;
      await this.cleanup.runWhenDue(lock);
    } finally {
      await lock.leaveCycle();
    }
    await this.wakeup.wait(POLL_MS);
    await this.sleep(started + MIN_CYCLE_MS - performance.now());
  }

  /** While the lock is held and a broker was there not long ago. */
  private mayRetry(): boolean {
    if (!this.lock?.isHeld) return false;
    return this.failures === 0 || performance.now() - this.failingSince < MAX_FAILING_MS;
  }

  private async backOff(error: unknown): Promise<void> {
    publishErrors.inc();
    if (this.failures === 0) {
      this.failingSince = performance.now();
      this.logger.warn({ err: error }, 'events cannot be published; they wait in the outbox');
    }
    this.failures += 1;
    await this.sleep(Math.min(100 * 2 ** this.failures, MAX_BACKOFF_MS));
  }

  private async giveUp(error: unknown): Promise<void> {
    if (!this.lossReported)
      this.logger.warn({ err: error }, 'lost the connection that decides which instance publishes the events');
    this.lossReported = true;
    await this.stopLeading();
    await this.sleep(POLL_MS);
  }

  private async stopLeading(): Promise<void> {
    const { lock } = this;
    this.lock = null;
    this.wakeup.local = false;
    relayActive.set(0);
    await Promise.all([this.publisher.close(), this.witness?.stop()]);
    await this.checkpoints.close();
    await lock?.close();
  }

  /** Ends early only at shutdown. */
  private async sleep(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.shutdown.signal }).catch(() => undefined);
  }
}
