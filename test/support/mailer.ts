import type { Logger } from '../../src/common/logging/logger.js';
import { registry } from '../../src/common/logging/metrics.js';
import { readSettings } from '../../src/config/settings.js';
import { Mailer } from '../../src/mail/mailer.js';
import { testValues } from './app.js';

/** Log lines of the mailers of a spec. */
export const lines: string[] = [];
const open: Mailer[] = [];

/** A mailer with short delays; `stopMailers` stops it. */
export function mailer(overrides: Record<string, string> = {}): Mailer {
  const write = (facts: unknown, message: string) => void lines.push(JSON.stringify([facts, message]));
  const logger = { debug: write, info: write, warn: write, error: write } as unknown as Logger;
  const made = new Mailer(readSettings(testValues({ DATABASE_URL: 'postgres://unused/db', ...overrides })), logger);
  made.timing.retryDelays = [10, 10, 10];
  open.push(made);
  return made;
}

export async function stopMailers(): Promise<void> {
  await Promise.all(open.splice(0).map((made) => made.onApplicationShutdown()));
  lines.length = 0;
}

/** The metric of messages with a result. */
export async function counted(kind: string, result: string): Promise<number> {
  const { values } = (await registry.getSingleMetric('mails_total')!.get()) as {
    values: { labels: Record<string, string>; value: number }[];
  };
  return values.find(({ labels }) => labels.kind === kind && labels.result === result)?.value ?? 0;
}
