import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Settings } from '../../src/config/settings.js';
import { testKafka } from '../../test/support/kafka.js';
import { createTopic } from '../../test/support/topic.js';
import type { Stage } from './stage.js';

const PARTITIONS = 6;

export const kafkaOf = ({ settings }: Stage) => testKafka(settings.kafka.brokers);

/** The stage's settings with a new, empty topic. */
export async function withTopic(stage: Stage): Promise<Settings> {
  const topic = `bench.${randomBytes(4).toString('hex')}`;
  const admin = kafkaOf(stage).admin();
  await admin.connect();
  const securityTopic = `${topic}.security`;
  for (const name of [topic, securityTopic]) await createTopic(admin, { topic: name, numPartitions: PARTITIONS });
  await admin.disconnect();
  const logging = { ...stage.settings.logging, level: 'error' as const };
  return { ...stage.settings, logging, kafka: { ...stage.settings.kafka, topic, securityTopic } };
}

/** The service in this process, without an HTTP server, to call its parts. */
export async function startHere(settings: Settings): Promise<NestFastifyApplication> {
  const { createApp } = await import('../../src/app.js');
  const app = await createApp(settings);
  await app.init();
  return app;
}
