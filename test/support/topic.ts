import type { Admin, ITopicConfig, KafkaJSProtocolError } from 'kafkajs';
import { until } from './until.js';

/**
 * Makes the topic where it is not there yet, and waits until it can be written to. A new topic is known to the controller
 * before it is to the broker that is asked next, and kafkajs gives up on the first "unknown".
 */
export async function createTopic(admin: Admin, config: ITopicConfig): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics: [config] });
  const partitions = async () => (await admin.fetchTopicMetadata({ topics: [config.topic] })).topics[0].partitions;
  await until(() => partitions().then((all) => all.every(({ leader }) => leader >= 0), isUnknownTopic));
}

/** False for a topic that is not known yet, so that `until` retries; throws other errors. */
function isUnknownTopic(error: unknown): false {
  if ((error as Partial<KafkaJSProtocolError>).type === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
  throw error;
}
