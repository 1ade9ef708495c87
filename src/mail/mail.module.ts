import { Module } from '@nestjs/common';
import { MailLinks } from './links.js';
import { Mailer } from './mailer.js';

/** Not global, so that it stops before the database, which queued mail may still need. */
@Module({ providers: [Mailer, MailLinks], exports: [Mailer, MailLinks] })
export class MailModule {}
