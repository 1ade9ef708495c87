import { Global, Module } from '@nestjs/common';
import { NotificationListener } from './notification-listener.js';
import { PreparedStatements } from './prepared-statements.js';

@Global()
@Module({ providers: [PreparedStatements, NotificationListener], exports: [PreparedStatements, NotificationListener] })
export class DatabaseModule {}
