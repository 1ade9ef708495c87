import { migrations } from '../../migrations/index.js';
import { createPool } from '../../src/database/connection-options.js';
import { migrateDatabase } from '../../src/database/migrator.js';
import { readSettings, type Settings } from '../../src/config/settings.js';
import { TestApp, testValues } from '../support/app.js';
import { CertificateAuthority, noCertificates } from '../support/certificates.js';
import { describeUnless, workerDatabase } from '../support/environment.js';
import { OwnPostgres } from '../support/postgres-server.js';
import { runScript } from '../support/scripts.js';
import { refusal } from '../support/settings.js';
import { until } from '../support/until.js';

type Values = Record<string, string>;

const settingsOf = (values: Values) => readSettings(testValues(values));

/** `encrypted` or `plain`, or what the connection failed with. */
async function connect(settings: Settings): Promise<string> {
  const pool = createPool(settings, 1);
  pool.on('error', () => undefined);
  try {
    const { rows } = await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    return rows[0].ssl ? 'encrypted' : 'plain';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await pool.end();
  }
}

describeUnless(noCertificates, 'a PostgreSQL with a certificate of a private authority', () => {
  const authority = new CertificateAuthority();
  const stranger = new CertificateAuthority('Another Authority');
  let server: OwnPostgres;

  beforeAll(async () => {
    server = await OwnPostgres.start();
    await server.admin('CREATE ROLE plain_only LOGIN', 'CREATE ROLE by_certificate LOGIN');
    await server.encrypt(authority.issue('server', 'DNS:localhost'), authority.cert, [
      'hostssl all plain_only all reject',
      'hostnossl all plain_only all trust',
      'hostssl all by_certificate all cert',
      'hostssl all all all scram-sha-256',
      'hostnossl all all all reject',
    ]);
  });
  afterAll(async () => {
    await server.stop();
    authority.remove();
    stranger.remove();
  });

  const RIGHT = 'localhost';
  /** Leads to the same server, whose certificate does not name it. */
  const WRONG = '127.0.0.1';

  it.each<[mode: string | null, ca: 'own' | 'other' | null, host: string, result: RegExp]>([
    ['disable', null, RIGHT, /^PostgreSQL \(DATABASE_URL, localhost:\d+\): pg_hba.conf rejects .* no encryption$/],
    ['allow', null, WRONG, /^encrypted$/],
    [null, null, WRONG, /^encrypted$/],
    ['prefer', null, WRONG, /^encrypted$/],
    ['prefer', 'own', WRONG, /^encrypted$/],
    ['prefer', 'other', RIGHT, /self-signed certificate in certificate chain; without TLS: pg_hba.conf rejects/],
    ['require', null, WRONG, /^encrypted$/],
    ['require', 'own', WRONG, /^encrypted$/],
    [
      'require',
      'other',
      RIGHT,
      /^PostgreSQL \(DATABASE_URL, localhost:\d+\): self-signed certificate in certificate chain$/,
    ],
    ['verify-ca', 'own', WRONG, /^encrypted$/],
    ['verify-ca', 'other', RIGHT, /: self-signed certificate in certificate chain$/],
    ['verify-full', 'own', RIGHT, /^encrypted$/],
    [
      'verify-full',
      'own',
      WRONG,
      /^PostgreSQL \(DATABASE_URL, 127.0.0.1:\d+\): .* does not match certificate's altnames/,
    ],
    ['verify-full', 'other', RIGHT, /: self-signed certificate in certificate chain$/],
    ['verify-full', null, RIGHT, /: self-signed certificate in certificate chain$/],
  ])('sslmode %s with authority %s and host %s: %s', async (mode, ca, host, result) => {
    const parameters = {
      ...(mode && { sslmode: mode }),
      ...(ca && { sslrootcert: ca === 'own' ? authority.cert : stranger.cert }),
    };
    expect(await connect(settingsOf({ DATABASE_URL: server.urlOf(host, parameters) }))).toMatch(result);
  });

  it.each(['path', 'text', 'text in one line'])('takes the authority from DATABASE_SSL_CA as %s', async (form) => {
    const forms = {
      path: authority.cert,
      text: authority.pem,
      'text in one line': authority.pem.replaceAll('\n', '\\n'),
    };
    const values = { DATABASE_SSL_MODE: 'verify-full', DATABASE_SSL_CA: forms[form as 'path'] };
    expect(await connect(settingsOf({ ...values, DATABASE_URL: server.urlOf(RIGHT) }))).toBe('encrypted');
    expect(await connect(settingsOf({ ...values, DATABASE_URL: server.urlOf(WRONG) }))).toMatch(/altnames/);
    expect(await connect(settingsOf({ ...values, DATABASE_URL: server.urlOf(WRONG, { sslmode: 'require' }) }))).toBe(
      'encrypted',
    );
  });

  it('continues without TLS if the server admits the account only so', async () => {
    expect(await connect(settingsOf({ DATABASE_URL: server.urlOf(RIGHT, {}, 'plain_only') }))).toBe('plain');
    const required = server.urlOf(RIGHT, { sslmode: 'require' }, 'plain_only');
    expect(await connect(settingsOf({ DATABASE_URL: required }))).toMatch(/pg_hba.conf rejects .* SSL encryption$/);
  });

  it('sends the certificate of sslcert and sslkey', async () => {
    const { cert, key } = authority.issue('by_certificate');
    const parameters = { sslmode: 'require', sslcert: cert, sslkey: key };
    const url = server.urlOf(RIGHT, parameters, 'by_certificate');
    expect(await connect(settingsOf({ DATABASE_URL: url }))).toBe('encrypted');
  });

  it('gets the same TLS settings from every connection of the service and of the scripts', async () => {
    const values = {
      DATABASE_URL: server.urlOf(RIGHT, { sslmode: 'verify-full', sslrootcert: authority.cert }),
      DATABASE_REPLICA_URL: server.urlOf(RIGHT, { sslmode: 'verify-full', sslrootcert: authority.cert }),
      // The relay asks PostgreSQL for its lock, whether the brokers are there or not.
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
    };
    await migrateDatabase(settingsOf(values), migrations);
    const service = await TestApp.start(values);
    const { access } = await service.memberWithRole('admin');
    expect((await service.get('/admin/users', access)).status).toBe(200);
    await until(async () => (await service.get('/health')).body.dependencies.database === 'up');
    const connections = () =>
      service.sql(
        `SELECT application_name AS name, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
          WHERE datname = current_database()`,
      );
    await until(async () => (await connections()).some(({ name }) => name === 'meetinity-user-service relay'));
    const found = await connections();
    expect(found.map(({ name }) => name)).toContain('meetinity-user-service listener');
    expect(found.filter(({ ssl }) => !ssl)).toEqual([]);
    await service.stop();
    expect(await runScript('migrate', ['check'], { variables: values })).toMatchObject({ code: 0 });
    const wrong = {
      ...values,
      DATABASE_URL: server.urlOf(WRONG, { sslmode: 'verify-full', sslrootcert: authority.cert }),
    };
    const { code, output } = await runScript('migrate', ['check'], { variables: wrong });
    expect([code, output]).toEqual([1, expect.stringContaining('PostgreSQL (DATABASE_URL, 127.0.0.1:')]);
  }, 120_000);
});

describe('a PostgreSQL without TLS', () => {
  const withMode = async (sslmode: string) => {
    const url = new URL(await workerDatabase());
    url.searchParams.set('sslmode', sslmode);
    return settingsOf({ DATABASE_URL: url.href });
  };

  it.each(['disable', 'allow', 'prefer'])('is used without TLS with sslmode %s', async (mode) => {
    expect(await connect(await withMode(mode))).toBe('plain');
  });

  it.each(['require', 'verify-full'])('is refused with sslmode %s', async (mode) => {
    expect(await connect(await withMode(mode))).toMatch(/^PostgreSQL \(DATABASE_URL, .*\): it has no TLS/);
  });

  it('is named with its variable when it does not answer', async () => {
    const values = {
      DATABASE_URL: 'postgresql://u@127.0.0.1:1/none',
      DATABASE_DIRECT_URL: 'postgresql://u@127.0.0.1:2/none',
    };
    await expect(migrateDatabase(settingsOf(values), migrations)).rejects.toThrow(
      'PostgreSQL (DATABASE_DIRECT_URL, 127.0.0.1:2): connect ECONNREFUSED',
    );
  });
});

describe('settings of TLS', () => {
  const url = 'postgresql://u:p@db/meetinity';
  const base = { JWT_SECRET: 'x', ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}` };

  it.each<[Values, RegExp]>([
    [{ DATABASE_URL: `${url}?sslmode=always` }, /^DATABASE_URL must have an sslmode of .*, not "always"$/],
    [{ DATABASE_DIRECT_URL: `${url}?sslmode=no` }, /^DATABASE_DIRECT_URL must have an sslmode/],
    [{ DATABASE_REPLICA_URL: `${url}?sslmode=no` }, /^DATABASE_REPLICA_URL must have an sslmode/],
    [{ DATABASE_URL: `${url}?sslmode=verify-ca` }, /^DATABASE_URL must name the certificate authority/],
    [{ DATABASE_URL: `${url}?sslrootcert=/nowhere.crt` }, /^DATABASE_URL: sslrootcert must name a file/],
    [{ DATABASE_SSL_MODE: 'always' }, /^DATABASE_SSL_MODE must be one of/],
    [{ DATABASE_SSL_CA: '/nowhere.crt' }, /^DATABASE_SSL_CA must name a file that can be read/],
    [{ DATABASE_SSL_CA: __filename }, /^DATABASE_SSL_CA must be a certificate in PEM form/],
    [{ REDIS_SSL_CA: '/nowhere.crt', REDIS_URL: 'rediss://c' }, /^REDIS_SSL_CA must name a file that can be read/],
    [{ KAFKA_SSL_CA: '/nowhere.crt' }, /^KAFKA_SSL_CA must name a file that can be read/],
  ])('%j are refused', (values, message) => {
    expect(refusal({ ...base, ...values })).toMatch(message);
  });
});
