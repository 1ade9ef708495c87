import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import type { ProcessRequests } from '../concurrency/process-requests.js';
import { registry } from './metrics.js';

type Values = MetricObjectWithValues<MetricValue<string>>[];

/** Longer than a process waits for its health checks. */
const TIMEOUT_MS = 3000;

/** Adds up the metrics of all processes. Those of ended ones still count, so that no counter falls. */
export class WorkerMetrics {
  private readonly workers = new Map<number, ProcessRequests>();
  private readonly last = new Map<number, Values>();
  private ended: Values = [];

  add(id: number, requests: ProcessRequests): void {
    this.workers.set(id, requests);
  }

  /** @param values of a process that is about to end */
  keep(id: number, values: Values): void {
    if (this.workers.has(id)) this.last.set(id, values);
  }

  /** Keeps the counters as they were read last. Gauges end with their process. */
  remove(id: number): void {
    this.workers.delete(id);
    const counters = (this.last.get(id) ?? []).filter(({ type }) => String(type) !== 'gauge');
    this.last.delete(id);
    this.ended = AggregatorRegistry.aggregate([this.ended, counters]).getMetricsAsArray() as Values;
  }

  /** In the Prometheus text format. A process that does not answer in time counts with its previous values. */
  async report(): Promise<string> {
    const reads = [...this.workers].map(async ([id, requests]) => {
      const values = await requests.ask<Values>('metrics', null, TIMEOUT_MS).catch(() => null);
      if (values) this.keep(id, values);
    });
    await Promise.all(reads);
    const own = await registry.getMetricsAsJSON();
    return AggregatorRegistry.aggregate([...this.last.values(), own, this.ended]).metrics();
  }
}
