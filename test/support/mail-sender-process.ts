import 'reflect-metadata';
import { DataSource } from 'typeorm';
import type { Logger } from '../../src/common/logging/logger.js';
import { readSettings } from '../../src/config/settings.js';
import { FieldCipher } from '../../src/crypto/field-cipher.js';
import { NotificationListener } from '../../src/database/notification-listener.js';
import { MailQueue } from '../../src/mail/mail-queue.js';
import { MailSender } from '../../src/mail/mail-sender.js';

/** A process that only sends mail, for `check:mail-kills`; it ends with its parent. */
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: console.error } as unknown as Logger;
const settings = readSettings(process.env);
const database = await new DataSource({ type: 'postgres', url: settings.database.url!, poolSize: 5 }).initialize();
const cipher = new FieldCipher(settings.encryptionKeys);
const listener = new NotificationListener(settings, logger);
const sender = new MailSender(settings, database, cipher, new MailQueue(database, cipher, logger), listener, logger);
sender.timing.leaseSeconds = Number(process.argv[2]);
await listener.onApplicationBootstrap();
sender.onApplicationBootstrap();
process.once('disconnect', () => process.exit());
process.send?.('ready');
