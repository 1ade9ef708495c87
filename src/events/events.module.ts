import { Global, Module } from '@nestjs/common';
import { KafkaHealthIndicator } from './kafka.health-indicator.js';
import { OutboxLag } from './outbox-lag.js';
import { OutboxService } from './outbox.service.js';
import { OutboxSubjects } from './outbox-subjects.js';
import { Relay } from './relay.js';
import { RelayWakeup } from './relay-wakeup.js';

@Global()
@Module({
  providers: [OutboxService, OutboxSubjects, OutboxLag, KafkaHealthIndicator, RelayWakeup, Relay],
  exports: [OutboxService, OutboxSubjects, OutboxLag, KafkaHealthIndicator],
})
export class EventsModule {}
