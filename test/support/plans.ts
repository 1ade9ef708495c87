import { Client } from 'pg';

/** A node of a plan of EXPLAIN (FORMAT JSON). */
export interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  Filter?: string;
  Plans?: Plan[];
}

interface Explained {
  'Query Text': string;
  Plan: Plan;
}

/** auto_explain sends each statement's plan to its client, including those of foreign keys and triggers. */
const SETTINGS = {
  session_preload_libraries: `'auto_explain'`,
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_format': 'json',
  'auto_explain.log_level': 'notice',
};

const own = Object.getOwnPropertyDescriptor(Client.prototype, 'emit');

/** The actual plans of all statements of this process. */
export class PlanRecorder {
  private seen: Explained[] = [];

  private constructor(private readonly tables: Set<string>) {}

  /** Only connections opened from now on are recorded. Wants a superuser. */
  static async start(url: string): Promise<PlanRecorder> {
    const client = new Client({ connectionString: url });
    await client.connect();
    const name = new URL(url).pathname.slice(1);
    for (const [key, value] of Object.entries(SETTINGS))
      await client.query(`ALTER DATABASE ${name} SET ${key} = ${value}`);
    // These tables stay short, the queue because what was sent is deleted: reading their one page is the best plan.
    const { rows } = await client.query<{ relname: string }>(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND relname NOT IN ('migrations', 'audit_redactions', 'avatar_removals', 'service_credentials', 'signing_keys', 'mail_queue')`,
    );
    await client.end();
    const recorder = new PlanRecorder(new Set(rows.map(({ relname }) => relname)));
    const emit = Client.prototype.emit;
    Client.prototype.emit = function (this: Client, ...event: Parameters<typeof emit>) {
      const [type, notice] = event as unknown[];
      if (type === 'notice') recorder.note((notice as { message: string }).message);
      return emit.apply(this, event);
    };
    return recorder;
  }

  stop(): void {
    if (own) Object.defineProperty(Client.prototype, 'emit', own);
    else delete (Client.prototype as Partial<Client>).emit;
  }

  /** The number of statements since the last call, and those with a sequential scan. */
  take(): { statements: number; scans: string[] } {
    const seen = this.seen.splice(0);
    // EXPLAIN plans a statement without running it.
    const run = seen.filter((plan) => !plan['Query Text'].startsWith('EXPLAIN'));
    const scans = run.flatMap(({ 'Query Text': sql, Plan: plan }) =>
      this.scansOf(plan).map((table) => `${table}: ${sql.replaceAll(/\s+/g, ' ')}`),
    );
    return { statements: seen.length, scans: [...new Set(scans)] };
  }

  private note(message: string): void {
    const at = message.indexOf('plan:\n');
    if (at >= 0) this.seen.push(JSON.parse(message.slice(at + 6)) as Explained);
  }

  private scansOf(plan: Plan, parent?: Plan): string[] {
    const { 'Node Type': type, 'Relation Name': table = '', Filter: filter } = plan;
    // Without a filter it reads no more rows than the limit above it.
    const bounded = parent?.['Node Type'] === 'Limit' && filter === undefined;
    const here = type === 'Seq Scan' && this.tables.has(table) && !bounded ? [table] : [];
    return [...here, ...(plan.Plans ?? []).flatMap((child) => this.scansOf(child, plan))];
  }
}
