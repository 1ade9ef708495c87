import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailQueue } from './mail-queue.js';
import { MailSender } from './mail-sender.js';
import { QueuedMail } from './queued-mail.entity.js';

/** Not global, so that it stops before the database, which queued mail needs. */
@Module({
  imports: [TypeOrmModule.forFeature([QueuedMail])],
  providers: [MailQueue, MailSender],
  exports: [MailQueue, MailSender],
})
export class MailModule {}
