import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CacheNotices } from './cache-notices.js';
import { KafkaProbe } from './kafka-probe.js';
import { OutboxEvent } from './outbox-event.entity.js';
import { OutboxLag } from './outbox-lag.js';
import { OutboxService } from './outbox.service.js';
import { OutboxSubjects } from './outbox-subject.service.js';
import { PostgresListener } from './postgres-listener.js';
import { Relay } from './relay.js';
import { RelayBell } from './relay-bell.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([OutboxEvent])],
  providers: [OutboxService, OutboxSubjects, OutboxLag, PostgresListener, CacheNotices, KafkaProbe, RelayBell, Relay],
  exports: [OutboxService, OutboxSubjects, OutboxLag, PostgresListener, KafkaProbe],
})
export class EventsModule {}
