import { KafkaConfig, logLevel, SASLOptions } from 'kafkajs';
import type { Settings } from '../config/settings.js';

/** Client options for the configured brokers. Failures are fast (times in milliseconds): the relay retries on its own terms. */
export function kafkaConfig({ kafka }: Settings): KafkaConfig {
  const { mechanism, ...login } = kafka.sasl ?? {};
  const sasl = mechanism ? ({ mechanism: mechanism.toLowerCase(), ...login } as SASLOptions) : undefined;
  return {
    clientId: 'meetinity-user-service',
    brokers: kafka.brokers,
    ssl: kafka.ssl,
    sasl,
    connectionTimeout: 1000,
    requestTimeout: 3000,
    enforceRequestTimeout: true,
    retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 200 },
    logLevel: logLevel.NOTHING,
  };
}
