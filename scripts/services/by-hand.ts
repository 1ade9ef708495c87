import path from 'node:path';
import { startServices } from './index.js';

/** Servers for development: those in the environment, else new ones on the usual ports; PostgreSQL keeps its data. */
export async function startByHand() {
  const { DATA_DIR, DATABASE_URL, REDIS_URL, KAFKA_BOOTSTRAP_SERVERS } = process.env;
  const services = await startServices({
    given: { postgres: DATABASE_URL, redis: REDIS_URL, kafka: KAFKA_BOOTSTRAP_SERVERS },
    ports: { postgres: 5432, redis: 6379, kafka: 9092 },
    // Shared with `npm run dev`.
    dataDir: path.join(DATA_DIR || '.data', 'postgres'),
    log: console.error,
  });
  const environment = Object.entries({
    DATABASE_URL: services.postgres?.adminUrl,
    // Overrides those of .env, which name another database.
    ...(DATABASE_URL ? {} : { DATABASE_DIRECT_URL: '', DATABASE_OWNER_URL: '', DATABASE_REPLICA_URL: '' }),
    REDIS_URL: services.redis?.url,
    ...(REDIS_URL ? {} : { REDIS_SENTINELS: '' }),
    KAFKA_BOOTSTRAP_SERVERS: services.kafka?.brokers,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  for (const { name, reason } of services.missing) console.error(`${name} is not available: ${reason}`);
  return { environment: Object.fromEntries(environment), stop: services.stop };
}
