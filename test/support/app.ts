import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { InjectOptions } from 'fastify';
import { DataSource } from 'typeorm';
import { createApp } from '../../src/app.js';
import { CircuitBreaker } from '../../src/redis/circuit-breaker.js';
import { readSettings, Settings } from '../../src/config/settings.js';
import { type Judgement, StrengthWorker } from '../../src/auth/passwords/strength-worker.js';
import { SERVICE_SCOPES } from '../../src/common/service-scopes.js';
import { ServiceCredentialsService } from '../../src/services/service-credentials.service.js';
import { dropWorkerDatabase, workerDatabase, workerRedisUrl } from './environment.js';
import { emptyMailbox, MAIL_DIRECTORY } from './mailbox.js';
import { until } from './until.js';

type Values = Record<string, string | undefined>;
declare global {
  var specStrength: SpecStrength | undefined;
}
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'OPTIONS';

export interface Answer {
  status: number;
  // Tests assert on the shape; a type would hide a missing field.
  body: any;
  headers: Record<string, string | string[] | number | undefined>;
  text: string;
}

interface RequestOptions {
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
  remoteAddress?: string;
  /** A body sent as it is, with the content type of `headers`. */
  payload?: string | Buffer;
}

export interface Member {
  id: string;
  email: string;
  password: string;
  access: string;
  refresh: string;
}

/** The environment of specs: cheap hashes, no logs, high rate limits. */
export function testValues(overrides: Values = {}): Values {
  return {
    NODE_ENV: 'test',
    // A developer's .env may name real servers.
    ENV_FILE: '',
    JWT_SECRET: 'a secret for specs, long enough to pass every check',
    ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 'spec key one').toString('base64')}`,
    BCRYPT_COST: '4',
    LOG_LEVEL: 'silent',
    RATE_LIMIT_ENABLED: 'false',
    MAIL_DIR: MAIL_DIRECTORY,
    ...overrides,
  };
}

/**
 * Judges a password of plain words once. What the owner is called counts only where the password has it, forwards or backwards:
 * there are no digits or signs that could stand for letters.
 */
class SpecStrength extends StrengthWorker {
  private readonly known = new Map<string, Promise<Judgement>>();

  override judge(password: string, words: string[]): Promise<Judgement> {
    const backwards = [...password].toReversed().join('');
    const isOwn = words.some((word) => password.includes(word) || backwards.includes(word));
    if (isOwn || !/^[a-z ]+$/.test(password)) return super.judge(password, words);
    const known = this.known.get(password) ?? super.judge(password, words);
    this.known.set(password, known);
    return known;
  }
}

/** The real application on this spec file's own database, called through Fastify's `inject`. */
export class TestApp {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly settings: Settings,
    readonly database: DataSource,
  ) {}

  /**
   * Apps of one file share the database, like instances of the service.
   * @param embedded as if the database were one that the service has started itself
   */
  static async start(overrides: Values = {}, embedded = false): Promise<TestApp> {
    const read = readSettings(testValues({ DATABASE_URL: await workerDatabase(), ...overrides }));
    const settings = { ...read, database: { ...read.database, embedded } };
    const app = await createApp(settings);
    // `inject` turns `response.setTimeout` into a timer until the first byte, which an answer to HEAD does not have.
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onResponse', (_, { raw }, done) => {
        clearTimeout((raw as { timeoutHandle?: NodeJS.Timeout }).timeoutHandle);
        done();
      });
    // The dictionaries take seconds to load: one thread serves all apps of all spec files of this worker.
    const strength = (globalThis.specStrength ??= new SpecStrength());
    app.get(StrengthWorker).judge = (password, words) => strength.judge(password, words);
    // On a busy machine the circuit must not open; specs of outages use a proxy.
    if (read.redis.url && read.redis.url === (await workerRedisUrl())) app.get(CircuitBreaker).timeoutMs = 5000;
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    return new TestApp(app, settings, app.get(DataSource));
  }

  async request(method: Method, url: string, options: RequestOptions = {}): Promise<Answer> {
    const { token, body, headers, remoteAddress, payload } = options;
    const answer = await this.app.inject({
      method,
      url,
      remoteAddress,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(payload === undefined ? (body === undefined ? {} : { payload: body as object }) : { payload }),
    } as InjectOptions);
    const json = String(answer.headers['content-type']).startsWith('application/json') && answer.body !== '';
    return {
      status: answer.statusCode,
      body: json ? answer.json() : answer.body,
      headers: answer.headers,
      text: answer.body,
    };
  }

  get = (url: string, token?: string, headers?: Record<string, string>) => this.request('GET', url, { token, headers });
  post = (url: string, body?: unknown, token?: string) => this.request('POST', url, { body, token });
  put = (url: string, body?: unknown, token?: string) => this.request('PUT', url, { body, token });
  delete = (url: string, token?: string, body?: unknown) => this.request('DELETE', url, { token, body });

  /** Rows of a query, column names as in the table. */
  async sql<T = Record<string, any>>(text: string, values: unknown[] = []): Promise<T[]> {
    const answer: unknown = await this.database.query(text, values);
    // TypeORM returns [rows, count] for UPDATE and DELETE.
    return (Array.isArray(answer) && Array.isArray(answer[0]) ? answer[0] : answer) as T[];
  }

  /** Registers and signs in a new user. */
  async member(values: Partial<Record<'email' | 'name' | 'password', string>> = {}): Promise<Member> {
    const body = { email: uniqueEmail(), name: 'Ada Example', password: 'correct horse battery', ...values };
    const answer = await this.post('/auth/register', body);
    if (answer.status !== 201) throw new Error(`registration answered ${answer.status}: ${answer.text}`);
    const { user, access_token, refresh_token } = answer.body;
    return { id: user.id, email: body.email, password: body.password, access: access_token, refresh: refresh_token };
  }

  /** Waits until at least so many statements in this database wait for a lock. */
  async blocked(count = 1): Promise<void> {
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await until(async () => (await this.sql(waiting)).length >= count);
  }

  /** A signed-in user with the role, set by SQL. */
  async memberWithRole(role: 'admin' | 'moderator'): Promise<Member> {
    const member = await this.member();
    await this.sql('UPDATE users SET role = $2 WHERE id = $1', [member.id, role]);
    const { body } = await this.post('/auth/login', { email: member.email, password: member.password });
    return { ...member, access: body.access_token, refresh: body.refresh_token };
  }

  /** A token of another service with all scopes. */
  serviceToken(): Promise<string> {
    const name = `spec-${randomBytes(6).toString('hex')}`;
    return this.app.get(ServiceCredentialsService).create(name, [...SERVICE_SCOPES]);
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  /** Ends the last app of the file and drops its database. */
  async stopAndDrop(): Promise<void> {
    await this.stop();
    await dropWorkerDatabase();
    await emptyMailbox();
  }
}

export function uniqueEmail(): string {
  return `member-${randomBytes(6).toString('hex')}@example.com`;
}
