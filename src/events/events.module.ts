import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CacheNotices } from './cache-notices.js';
import { OutboxEvent } from './outbox-event.entity.js';
import { OutboxService } from './outbox.service.js';
import { OutboxSubjects } from './outbox-subject.service.js';
import { PostgresListener } from './postgres-listener.js';
import { Relay } from './relay.js';
import { RelayBell } from './relay-bell.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([OutboxEvent])],
  providers: [OutboxService, OutboxSubjects, PostgresListener, RelayBell, CacheNotices, Relay],
  exports: [OutboxService, OutboxSubjects, PostgresListener],
})
export class EventsModule {}
