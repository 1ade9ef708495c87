import { tracingChannel } from 'node:diagnostics_channel';

/** Events that go to Kafka in one request. */
export interface Publication {
  items: { topic: string; traceparent: string | null; message: { headers?: Record<string, unknown> } }[];
}

/** Where tracing is on, spans are made of these; without a subscriber a channel costs nothing. */
export const publishChannel = tracingChannel<unknown, Publication>('meetinity:publish');
export const mailChannel = tracingChannel<unknown, { kind: string }>('meetinity:mail');
