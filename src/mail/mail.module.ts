import { Global, Module } from '@nestjs/common';
import { MailLinks } from './links.js';
import { Mailer } from './mailer.js';

@Global()
@Module({ providers: [Mailer, MailLinks], exports: [Mailer, MailLinks] })
export class MailModule {}
