import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotificationListener } from '../database/notification-listener.js';

const CHANNEL = 'outbox';
/** Milliseconds between two notifications of one instance; what commits meanwhile shares the next. */
const PAUSE_MS = 5;

/** Wakes the relay, in whichever instance it runs, when a transaction with an event has been committed. */
@Injectable()
export class RelayWakeup {
  private readonly waiting = new Set<() => void>();
  private rung = false;
  private notifying = false;
  private again = false;
  /** Set by the relay: while it runs in this process, nobody else has to be told. */
  local = false;

  constructor(
    private readonly database: DataSource,
    listener: NotificationListener,
  ) {
    listener.on(CHANNEL, () => this.wake());
  }

  /**
   * Returns at once. NOTIFY goes outside the transaction of the change: inside, its commit would take a lock that all
   * commits with a notification queue for.
   */
  notify(): void {
    if (this.local) this.wake();
    else if (this.notifying) this.again = true;
    else void this.sendNotification();
  }

  /** Until somebody rings, or the time (milliseconds) is up; a ring that nobody waited for counts for the next to wait. */
  async wait(limit: number): Promise<void> {
    if (!this.rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, limit);
        const { waiting } = this;
        function done(): void {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        }
        waiting.add(done);
      });
    }
    this.rung = false;
  }

  wake(): void {
    this.rung = true;
    for (const done of this.waiting) done();
  }

  private async sendNotification(): Promise<void> {
    this.notifying = true;
    do {
      this.again = false;
      // A failure only costs time: the relay also looks by itself.
      await this.database.query(`NOTIFY ${CHANNEL}`).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    } while (this.again);
    this.notifying = false;
  }
}
