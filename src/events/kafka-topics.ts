import type { Admin, ITopicConfig } from 'kafkajs';
import type { Logger } from '../common/logging/logger.js';
import type { Settings } from '../config/settings.js';
import { BROKER_TIMEOUT_MS } from './kafka.js';

/** ConfigResourceTypes.TOPIC of kafkajs, which is only loaded on first use. */
const TOPIC_RESOURCE_KEY = 2;

/** Creates the topic where it does not exist yet. */
export async function createTopic(admin: Admin, topic: ITopicConfig): Promise<void> {
  await admin.createTopics({ topics: [topic], timeout: BROKER_TIMEOUT_MS });
}

/** A verifier that starts reads the topic for the revocations of all tokens that have not expired. */
export async function checkRetention(admin: Admin, { kafka, jwt }: Settings, logger: Logger): Promise<void> {
  const { securityTopic: topic } = kafka;
  const resource = { type: TOPIC_RESOURCE_KEY, name: topic, configNames: ['retention.ms'] };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
  const retentionMs = Number(resources[0]?.configEntries[0]?.configValue ?? -1);
  const requiredMs = (jwt.accessSeconds + 3600) * 1000;
  if (retentionMs < 0 || retentionMs >= requiredMs) return;
  logger.error(
    { alert: 'security_topic_retention', topic, retention_ms: retentionMs, required_ms: requiredMs },
    'the topic of security events keeps them for less than the life of an access token and an hour',
  );
}
