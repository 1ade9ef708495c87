import { createRequire } from 'node:module';
import { connect as connectPlain, isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory, KafkaConfig, logLevel, SASLOptions } from 'kafkajs';
import type { Settings } from '../config/settings.js';

const CONNECT_TIMEOUT_MS = 1000;
const REQUEST_TIMEOUT_MS = 3000;
/** For the broker, so that its answer arrives in time. */
export const BROKER_TIMEOUT_MS = REQUEST_TIMEOUT_MS - 500;

/** A value of kafkajs, which is only loaded on first use. */
const SILENT: logLevel.NOTHING = 0;

/** Private to kafkajs 2.2.4. */
interface RequestQueue {
  pending: unknown[];
  scheduleCheckPendingRequests(): void;
}
let patched: RequestQueue | undefined;

/**
 * The queue of kafkajs sets a timer with a negative delay after each request, even if none is pending; Node.js 24 warns of that
 * in plain text between the lines of the log.
 */
export function mendKafkajs(): void {
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue').prototype as RequestQueue;
  const { scheduleCheckPendingRequests: schedule } = queue;
  if (queue === patched) return;
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
  patched = queue;
}

/** Loads kafkajs on first use: hundreds of files, which would slow down every start. */
export async function loadKafkajs(): Promise<typeof import('kafkajs')> {
  mendKafkajs();
  return import('kafkajs');
}

/** Options that fail fast: the relay does its own retries. */
export function kafkaConfig({ kafka }: Settings): KafkaConfig {
  const { mechanism, ...login } = kafka.sasl ?? {};
  const sasl = mechanism ? ({ mechanism: mechanism.toLowerCase(), ...login } as SASLOptions) : undefined;
  return {
    clientId: 'meetinity-user-service',
    brokers: kafka.brokers,
    ssl: kafka.ssl && kafka.ca ? { ca: kafka.ca } : kafka.ssl,
    sasl,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 200 },
    logLevel: SILENT,
  };
}

/** Adds the server and its variable to the message of a failed connection. */
export function nameKafka({ kafka }: Settings, error: Error & { broker?: string }): Error {
  const { message, broker = kafka.brokers.join() } = error;
  return Object.assign(error, { message: `Kafka (KAFKA_BOOTSTRAP_SERVERS, ${broker}): ${message}` });
}

/**
 * Connections to the brokers with a fence (Kleppmann, Designing Data-Intensive Applications, chapter 8): each write first
 * checks that this process is still the leader, since a process may freeze and resume anywhere, even in a retry of kafkajs.
 */
export class FencedSockets {
  private readonly sockets = new Set<Socket>();

  constructor(private readonly fence: () => boolean) {}

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    // kafkajs passes its `ssl` option, which its types do not allow for.
    const tls = ssl as unknown as object | boolean | undefined;
    const servername = isIP(host) ? {} : { servername: host };
    const socket = tls
      ? connectTls({ host, port, ...servername, ...(tls === true ? {} : (tls as object)) }, onConnect)
      : connectPlain({ host, port, noDelay: true }, onConnect);
    socket.setKeepAlive(true, 60_000);
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = ((...args: unknown[]) => {
      if (this.fence()) return write(...args);
      // With an error: kafkajs does not notice a plain close.
      socket.destroy(new Error('the right to publish has run out'));
      return false;
    }) as Socket['write'];
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  };

  destroy(): void {
    for (const socket of this.sockets) socket.destroy(new Error('the connection is given up'));
  }
}
