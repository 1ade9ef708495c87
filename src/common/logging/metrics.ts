import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { AppError, type ErrorType } from '../errors.js';

/** All metrics of the process. Labels have few values: never an id, an address or a raw path. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry, prefix: 'meetinity_user_' });

const registers = [registry];

for (const metric of registry.getMetricsAsArray()) {
  // The average would hide the worker that is stuck.
  if (metric.name.includes('eventloop_lag')) Object.assign(metric, { aggregator: 'max' });
  // That of the primary; by default several processes show none.
  if (metric.name.includes('process_start_time')) Object.assign(metric, { aggregator: 'min' });
}

export const buildInfo = new Gauge({
  name: 'meetinity_user_info',
  help: 'Always 1; version and commit of the service',
  labelNames: ['version', 'commit'] as const,
  aggregator: 'first',
  registers,
});

export const dependencyUp = new Gauge({
  name: 'meetinity_user_dependency_up',
  help: '1 while the server or storage works, writes included; only those that are configured',
  labelNames: ['dependency'] as const,
  aggregator: 'min',
  registers,
});

export const redisCircuitOpen = new Gauge({
  name: 'meetinity_user_redis_circuit_open',
  help: '1 while requests do not wait for Redis',
  aggregator: 'max',
  registers,
});

export const httpDuration = new Histogram({
  name: 'meetinity_user_http_request_duration_seconds',
  help: 'Time to answer, by route template',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers,
});

export const workers = new Gauge({
  name: 'meetinity_user_workers',
  help: 'Processes that serve the API',
  aggregator: 'sum',
  registers,
});

export const workerRestarts = new Counter({
  name: 'meetinity_user_worker_restarts_total',
  help: 'Processes that ended without being asked to; only with WORKERS above 1',
  registers,
});

export const strengthWaiting = new Gauge({
  name: 'meetinity_user_password_strength_waiting',
  help: 'Passwords whose strength is being judged or waits for it',
  aggregator: 'sum',
  registers,
});

export const hashingWaiting = new Gauge({
  name: 'meetinity_user_password_hashing_waiting',
  help: 'Hashes that wait for a turn',
  aggregator: 'sum',
  registers,
});

export const authResults = new Counter({
  name: 'meetinity_user_auth_results_total',
  help: 'Sign-ins, registrations and refreshes by result',
  labelNames: ['action', 'result'] as const,
  registers,
});

/** Counts the outcome of a sign-in: `ok`, or the type of its error. */
export async function countResult<T>(action: string, signIn: Promise<T>): Promise<T> {
  const count = (result: ErrorType | 'ok') => authResults.inc({ action, result });
  try {
    const value = await signIn;
    count('ok');
    return value;
  } catch (error) {
    count(error instanceof AppError ? error.type : 'internal_error');
    throw error;
  }
}

type CacheResult = 'hit' | 'miss' | 'bypass';

/** Counted in plain numbers, several times a request, and copied to the counter when it is scraped. */
class CacheReads {
  private readonly counts = new Map<string, Record<CacheResult, number>>();

  constructor() {
    const { counts } = this;
    const counter = new Counter({
      name: 'meetinity_user_cache_reads_total',
      help: 'Look-ups in Redis that spared PostgreSQL a query, or did not',
      labelNames: ['cache', 'result'] as const,
      registers: [],
      collect() {
        this.reset();
        for (const [cache, results] of counts)
          for (const [result, count] of Object.entries(results)) if (count > 0) this.inc({ cache, result }, count);
      },
    });
    registry.registerMetric(counter);
  }

  add(cache: string, result: CacheResult): void {
    let results = this.counts.get(cache);
    if (!results) this.counts.set(cache, (results = { hit: 0, miss: 0, bypass: 0 }));
    results[result] += 1;
  }
}

export const cacheReads = new CacheReads();

export const serviceRequests = new Counter({
  name: 'meetinity_user_service_requests_total',
  help: 'Requests of other services by name and needed scope: allowed, forbidden (the scope is missing)',
  labelNames: ['service', 'scope', 'result'] as const,
  registers,
});

export const undecryptableFields = new Counter({
  name: 'meetinity_user_field_decryption_failures_total',
  help: 'Stored values that could not be decrypted; any increase deserves an alert',
  labelNames: ['field'] as const,
  registers,
});

export const mails = new Counter({
  name: 'meetinity_user_mails_total',
  help: 'Messages by kind and what became of them: queued, sent, retried, failed (parked)',
  labelNames: ['kind', 'result'] as const,
  registers,
});

export const mailsWaiting = new Gauge({
  name: 'meetinity_user_mails_waiting',
  help: 'Messages that wait to be sent, retries included, counted up to 10,000',
  aggregator: 'max',
  registers,
});

export const mailsParked = new Gauge({
  name: 'meetinity_user_mails_parked',
  help: 'Messages given up in the last seven days, counted up to 10,000; npm run mail lists them',
  aggregator: 'max',
  registers,
});

/** Without the prefix, because the platform's autoscaler reads this name. */
export const profileSyncs = new Counter({
  name: 'user_profile_sync_total',
  help: 'Committed profile changes',
  registers: [],
});

export const rateLimited = new Counter({
  name: 'meetinity_user_rate_limited_total',
  help: 'Requests refused by a limit',
  labelNames: ['limit'] as const,
  registers,
});
