import { connect as connectPlain, isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory, KafkaConfig, logLevel, SASLOptions } from 'kafkajs';
import type { Settings } from '../config/settings.js';

/** Milliseconds. */
const CONNECT_TIMEOUT_MS = 1000;
export const REQUEST_TIMEOUT_MS = 3000;

/** The library is loaded with the first use, not for one word. */
const SILENT: logLevel.NOTHING = 0;

/** Client options for the configured brokers. Failures are fast (times in milliseconds): the relay retries on its own terms. */
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

/** Says in the message of a failed connection which server it was, and by which variable it is found. */
export function nameKafka({ kafka }: Settings, error: Error & { broker?: string }): Error {
  const { message, broker = kafka.brokers.join() } = error;
  return Object.assign(error, { message: `Kafka (KAFKA_BOOTSTRAP_SERVERS, ${broker}): ${message}` });
}

/**
 * Connections to the brokers that carry a byte only while `open()` says so, asked at the last moment before the byte leaves.
 * A process that was frozen wakes up in the middle of anything, a retry inside the library included.
 */
export class FencedSockets {
  private readonly sockets = new Set<Socket>();

  constructor(private readonly open: () => boolean) {}

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    // The types promise an object; the library passes on what it was configured with.
    const tls = ssl as unknown as object | boolean | undefined;
    const servername = isIP(host) ? {} : { servername: host };
    const socket = tls
      ? connectTls({ host, port, ...servername, ...(tls === true ? {} : (tls as object)) }, onConnect)
      : connectPlain({ host, port, noDelay: true }, onConnect);
    socket.setKeepAlive(true, 60_000);
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = ((...args: unknown[]) => {
      if (this.open()) return write(...args);
      // With an error: the library does not notice a plain close.
      socket.destroy(new Error('the right to publish has run out'));
      return false;
    }) as Socket['write'];
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  };

  /** Drops every connection at once, with what still waits to be sent. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy(new Error('the connection is given up'));
  }
}
