import { Global, Module } from '@nestjs/common';
import { PostgresListener } from './notification-listener.js';
import { Statements } from './prepared-statements.js';

@Global()
@Module({ providers: [Statements, PostgresListener], exports: [Statements, PostgresListener] })
export class DatabaseModule {}
