import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { readSettings } from './settings.js';

const document = (name: string) => readFileSync(path.join(__dirname, '../..', name), 'utf8');
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

/** Values with which the settings code reads every variable. */
const ASKS_FOR_ALL = {
  JWT_SECRET: 'x',
  ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
  S3_BUCKET: 'pictures',
  KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
  KAFKA_SASL_USERNAME: 'service',
  KAFKA_SASL_PASSWORD: 'secret',
};

/** Records every variable that the settings code reads. */
function variables(): string[] {
  const asked = new Set<string>();
  const values = new Proxy<Record<string, string | undefined>>(ASKS_FOR_ALL, {
    get: (target, name: string) => {
      asked.add(name);
      return target[name];
    },
  });
  readSettings(values);
  return sorted(asked);
}

it('reads every variable that its source names', () => {
  const sources = readdirSync(__dirname).filter((name) => /^settings(\.\w+)?\.ts$/.test(name));
  const spelled = sources.flatMap((name) => [
    ...readFileSync(path.join(__dirname, name), 'utf8').matchAll(/'([A-Z][A-Z0-9]*_[A-Z0-9_]+)'/g),
  ]);
  const asked = variables();
  const limits = asked.filter((name) => name.startsWith('RATE_LIMIT_')).map((name) => name.replace('RATE_LIMIT_', ''));
  // Two values of KAFKA_SECURITY_PROTOCOL look like names.
  const known = new Set([...asked, ...limits, 'SASL_PLAINTEXT', 'SASL_SSL']);
  expect(spelled.map(([, name]) => name!).filter((name) => !known.has(name))).toEqual([]);
});

describe('.env.example', () => {
  const set = parseEnv(document('.env.example')) as Record<string, string>;
  // Optional variables are commented out.
  const example = parseEnv(document('.env.example').replaceAll(/^#(?=[A-Z])/gm, '')) as Record<string, string>;
  // Read by docker-compose.yml, not by the service.
  const { POSTGRES_PASSWORD, POSTGRES_SERVICE_PASSWORD, REDIS_PASSWORD, ...own } = example;

  it('has every variable and no other', () => {
    expect([POSTGRES_PASSWORD, POSTGRES_SERVICE_PASSWORD, REDIS_PASSWORD]).toEqual(['', '', '']);
    expect(sorted(Object.keys(own))).toEqual(variables());
  });

  it('describes each variable in the line above', () => {
    const lines = document('.env.example').split('\n');
    for (const name of Object.keys(example)) {
      const at = lines.findIndex((line) => line.replace('#', '').startsWith(`${name}=`));
      expect(lines[at - 1]).toMatch(/^# .{10,}/);
    }
  });

  it('contains the defaults, so that it changes no setting', () => {
    const secrets = { JWT_SECRET: 'x', ENCRYPTION_KEYS: ASKS_FOR_ALL.ENCRYPTION_KEYS };
    expect(readSettings({ ...example, ...secrets })).toEqual(readSettings(secrets));
  });

  it('leaves out what the image sets, for `docker run --env-file`', () => {
    const image = document('Dockerfile').split('\nFROM ').at(-1)!;
    const names = [...image.matchAll(/^ENV (.*)$/gm)].flatMap(([, line]) => line!.match(/\b[A-Z_]+(?==)/g)!);
    expect(names).toEqual(expect.arrayContaining(['NODE_ENV', 'UV_THREADPOOL_SIZE']));
    expect(names.filter((name) => name in set)).toEqual([]);
  });

  it('contains no secret', () => {
    expect(sorted(Object.keys(example).filter((name) => /SECRET|PASSWORD$|KEY/.test(name) && example[name]))).toEqual(
      [],
    );
  });
});

describe('docker-compose.yml', () => {
  interface Service {
    environment: Record<string, string>;
  }
  const { services } = parse(document('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> };
  const service = services['user-service']!.environment;
  const job = services.migrate!.environment;

  it('gives the owner of the database to the migration job only', () => {
    expect(job.DATABASE_OWNER_URL).toContain('//meetinity:${POSTGRES_PASSWORD');
    expect(job.DATABASE_URL).toBe(service.DATABASE_URL);
    expect(service.DATABASE_URL).toContain('//meetinity_service:${POSTGRES_SERVICE_PASSWORD');
    // Empty, to hide the password in .env, which the container reads too.
    expect([service.POSTGRES_PASSWORD, service.DATABASE_OWNER_URL]).toEqual(['', '']);
  });

  it('sets the proxies and the URL of the service, and a password for Redis', () => {
    expect(Object.keys(service)).toEqual(expect.arrayContaining(['TRUST_PROXY_HOPS', 'PUBLIC_BASE_URL']));
    expect(service.REDIS_URL).toContain('//:${REDIS_PASSWORD');
  });
});

describe('docs/configuration.md', () => {
  it('has every variable in its table and no other', () => {
    const configuration = document('docs/configuration.md');
    const rows = [...configuration.matchAll(/^\| `([A-Z0-9_]+)`/gm)].map(([, name]) => name!);
    expect(rows).toHaveLength(new Set(rows).size);
    expect(sorted(rows)).toEqual(variables());
  });
});
