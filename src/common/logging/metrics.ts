import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** All metrics of the process. Labels have few values: never an id, an address or a raw path. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });

const registers = [registry];

export const httpDuration = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time to answer, by route template',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers,
});

export const hashingWaiting = new Gauge({
  name: 'password_hashing_waiting',
  help: 'Hashes that wait for a turn',
  registers,
});

export const authResults = new Counter({
  name: 'auth_results_total',
  help: 'Sign-ins, registrations and refreshes by result',
  labelNames: ['action', 'result'] as const,
  registers,
});

type CacheResult = 'hit' | 'miss' | 'bypass';

/** Counted in plain numbers, several times a request, and copied to the counter when it is scraped. */
class CacheReads {
  private readonly counts = new Map<string, Record<CacheResult, number>>();

  constructor() {
    const { counts } = this;
    const counter = new Counter({
      name: 'cache_reads_total',
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
  name: 'service_requests_total',
  help: 'Requests of other services by name and needed scope: allowed, forbidden (the scope is missing)',
  labelNames: ['service', 'scope', 'result'] as const,
  registers,
});

export const undecryptableFields = new Counter({
  name: 'field_decryption_failures_total',
  help: 'Stored ciphertexts that did not open in the row they stand in; any increase deserves an alert',
  labelNames: ['field'] as const,
  registers,
});

export const mails = new Counter({
  name: 'mails_total',
  help: 'Messages by kind and what became of them: queued, sent, retried, failed (parked)',
  labelNames: ['kind', 'result'] as const,
  registers,
});

export const mailsWaiting = new Gauge({
  name: 'mails_waiting',
  help: 'Messages that wait to be sent, retries included, counted up to 10,000',
  registers,
});

export const mailsParked = new Gauge({
  name: 'mails_parked',
  help: 'Messages given up in the last seven days, counted up to 10,000; npm run mail lists them',
  registers,
});

export const rateLimited = new Counter({
  name: 'rate_limited_total',
  help: 'Requests refused by a limit',
  labelNames: ['limit'] as const,
  registers,
});
