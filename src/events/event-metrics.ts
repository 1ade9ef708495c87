import { Counter, Gauge } from 'prom-client';
import { registry } from '../common/logging/metrics.js';

const registers = [registry];

export const eventsPublished = new Counter({
  name: 'meetinity_user_events_published_total',
  help: 'Events acknowledged by the broker, repetitions included',
  labelNames: ['event_type'] as const,
  registers,
});

export const eventsParked = new Counter({
  name: 'meetinity_user_events_parked_total',
  help: 'Events that the broker refused for good; the reason is in outbox_events.last_error',
  registers,
});

export const publishErrors = new Counter({
  name: 'meetinity_user_event_publish_errors_total',
  help: 'Batches that failed and are retried',
  registers,
});

export const relayActive = new Gauge({
  name: 'meetinity_user_outbox_relay_active',
  help: '1 on the instance that publishes the events',
  aggregator: 'max',
  registers,
});

export const outboxPending = new Gauge({
  name: 'meetinity_user_outbox_pending_events',
  help: 'Events not published yet, counted up to 10,000',
  aggregator: 'max',
  registers,
});

export const outboxAge = new Gauge({
  name: 'meetinity_user_outbox_oldest_pending_seconds',
  help: 'Age of the oldest event not published yet',
  aggregator: 'max',
  registers,
});

export const outboxParked = new Gauge({
  name: 'meetinity_user_outbox_parked_events',
  help: 'Events that the broker refused for good',
  aggregator: 'max',
  registers,
});
