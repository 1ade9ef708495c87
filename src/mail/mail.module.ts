import { Module } from '@nestjs/common';
import { MailLinks } from './links.js';
import { Mailer } from './mailer.js';

/** Not global: global modules stop last, the database among them, and queued mail may still need a look-up there. */
@Module({ providers: [Mailer, MailLinks], exports: [Mailer, MailLinks] })
export class MailModule {}
