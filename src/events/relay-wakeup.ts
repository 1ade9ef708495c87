import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotificationListener } from '../database/notification-listener.js';

const CHANNEL = 'outbox';
/** Between two notifications of one instance; commits in between share the next. */
const PAUSE_MS = 5;

/** Wakes the relay, in any instance, when a transaction with an event has been committed. */
@Injectable()
export class RelayWakeup {
  /** Set by the relay while it runs in this process: no notification is needed then. */
  local = false;
  private woken = false;
  private endWait: () => void = () => undefined;
  private notifying = false;
  private notifyAgain = false;

  constructor(
    private readonly database: DataSource,
    listener: NotificationListener,
  ) {
    listener.on(CHANNEL, () => this.wake());
  }

  /**
   * Returns at once. NOTIFY runs outside the transaction of the change: inside, its commit would take a lock that all
   * commits with a notification queue for.
   */
  notify(): void {
    if (this.local) this.wake();
    else if (this.notifying) this.notifyAgain = true;
    else void this.sendNotification();
  }

  /** Until `wake` is called, or has been called since the last wait. */
  async wait(maxMs: number): Promise<void> {
    if (!this.woken)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, maxMs);
        this.endWait = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.woken = false;
  }

  // Not an AbortController: each `abort` makes an exception with its stack, which costs a twentieth of a change.
  wake(): void {
    this.woken = true;
    this.endWait();
  }

  private async sendNotification(): Promise<void> {
    this.notifying = true;
    do {
      this.notifyAgain = false;
      // A failure only costs time: the relay also polls.
      await this.database.query(`NOTIFY ${CHANNEL}`).catch(() => undefined);
      await sleep(PAUSE_MS);
    } while (this.notifyAgain);
    this.notifying = false;
  }
}
