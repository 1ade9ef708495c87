import { Module } from '@nestjs/common';
import { MailQueue } from './mail-queue.js';
import { MailSender } from './mail-sender.js';

/** Not global, so that it stops before the database, which queued mail needs. */
@Module({
  providers: [MailQueue, MailSender],
  exports: [MailQueue, MailSender],
})
export class MailModule {}
