import { Counter, Gauge } from 'prom-client';
import { registry } from '../common/logging/metrics.js';

const registers = [registry];

export const eventsPublished = new Counter({
  name: 'events_published_total',
  help: 'Events acknowledged by the broker, repetitions included',
  labelNames: ['event_type'] as const,
  registers,
});

export const eventsParked = new Counter({
  name: 'events_parked_total',
  help: 'Events the broker refused for what they are; any increase needs somebody to look at outbox_events.last_error',
  registers,
});

export const publishErrors = new Counter({
  name: 'event_publish_errors_total',
  help: 'Batches that could not be handed to the broker and are tried again',
  registers,
});

export const relayActive = new Gauge({
  name: 'outbox_relay_active',
  help: '1 on the instance that publishes the events',
  registers,
});

export const outboxPending = new Gauge({
  name: 'outbox_pending_events',
  help: 'Events that wait to be published, counted up to 10,000',
  registers,
});

export const outboxAge = new Gauge({
  name: 'outbox_oldest_pending_seconds',
  help: 'Age of the event that has waited longest',
  registers,
});

export const outboxParked = new Gauge({
  name: 'outbox_parked_events',
  help: 'Events set aside because the broker refuses them',
  registers,
});
