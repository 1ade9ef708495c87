import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Client } from 'pg';
import { readEncryptionKeys } from '../../src/config/settings.auth.js';
import { EnvReader } from '../../src/config/env-reader.js';
import { FieldCipher } from '../../src/crypto/field-cipher.js';
import { numberOption, withDefault } from '../../scripts/lib/arguments.js';
import { prepareBench } from '../../bench/lib/arguments.js';
import { BenchMember, createMembers } from '../../bench/lib/members.js';
import { createStage } from '../../bench/lib/stage.js';

const { people: PEOPLE } = prepareBench({
  call: 'npm run check:reencrypt --',
  does:
    'keys:reencrypt, killed twice while members change their profiles through the service\n' +
    '  Exit code 1 where a value ends up under the old key, is not what its owner last wrote, or does not decrypt.',
  options: { people: withDefault(numberOption('members', 1000, 1_000_000), 100_000) },
});
const CONNECTIONS = 4;
const BORN = '1990-05-17';
const KILLS = [0.35, 0.65];

const phoneNumber = (index: number) => `+4179${1_000_000 + index}`;
const newKey = (kid: string) => `${kid}:${randomBytes(32).toString('base64')}`;
const [OLD, NEW] = [newKey('old'), newKey('new')];
const cipher = (keys: string) => new FieldCipher(readEncryptionKeys(new EnvReader({ ENCRYPTION_KEYS: keys }), true));

const stage = await createStage((line) => console.error(line));
const client = new Client({ connectionString: stage.settings.database.url! });
let failed = false;

/** Gives every user a phone number and a birth date under the old key. */
async function encryptAll(members: BenchMember[], phones: Map<string, string>): Promise<void> {
  const old = cipher(OLD);
  for (const [index, { id }] of members.entries()) phones.set(id, phoneNumber(index));
  const rows = members.map(({ id }) => [
    old.encrypt(id, 'phone', phones.get(id)!),
    old.encrypt(id, 'date_of_birth', BORN),
  ]);
  await client.query(
    `UPDATE users SET phone = given.phone, date_of_birth = given.born
       FROM unnest($1::uuid[], $2::text[], $3::text[]) AS given(id, phone, born) WHERE users.id = given.id`,
    [members.map(({ id }) => id), rows.map(([phone]) => phone), rows.map(([, born]) => born)],
  );
  await client.query('VACUUM ANALYZE users');
}

/** Changes phone numbers of its share of the users until it is stopped; records those answered with 200. */
async function write(url: string, share: BenchMember[], phones: Map<string, string>, state: { going: boolean }) {
  let writes = 0;
  for (; state.going; writes += 1) {
    const { id, access } = share[randomInt(share.length)]!;
    const phone = phoneNumber(randomInt(1_000_000));
    const answer = await fetch(`${url}/users/profile`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${access}`, 'content-type': 'application/json' },
      body: JSON.stringify({ phone }),
    });
    if (answer.status !== 200) throw new Error(`a change was answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
    phones.set(id, phone);
  }
  return writes;
}

/** @param until share of the rows at which it gets SIGKILL; 1 lets it finish */
async function reencrypt(until: number): Promise<string> {
  const { database, redis } = stage.settings;
  const urls = { DATABASE_URL: database.url!, REDIS_URL: redis.url! };
  const env = { PATH: process.env.PATH, ENV_FILE: '', NODE_ENV: 'production', ...urls };
  const child = spawn(process.execPath, ['scripts/run.mjs', 'keys-reencrypt'], {
    env: {
      ...env,
      PUBLIC_BASE_URL: stage.settings.publicBaseUrl,
      JWT_SECRET: randomBytes(48).toString('base64'),
      ENCRYPTION_KEYS: `${NEW},${OLD}`,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let last = '';
  child.stderr.on('data', (chunk: Buffer) => {
    last = String(chunk).split('\r').at(-1)!.trim();
    if (until < 1 && Number.parseInt(last) >= until * PEOPLE) child.kill('SIGKILL');
  });
  const started = performance.now();
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (until === 1 ? code !== 0 : signal !== 'SIGKILL') failed = true;
  return `${signal ?? `exit code ${code}`} after ${((performance.now() - started) / 1000).toFixed(1)} s: ${last}`;
}

/** @returns counts of values under the old key, of lost updates, and of those that do not decrypt with the new key alone */
async function check(phones: Map<string, string>) {
  const only = cipher(NEW);
  const found = { rows: 0, old: 0, lost: 0, unreadable: 0 };
  const { rows } = await client.query('SELECT id, phone, date_of_birth AS born FROM users');
  for (const { id, phone, born } of rows) {
    found.rows += 1;
    found.old += Number(!phone.startsWith('new.')) + Number(!born.startsWith('new.'));
    try {
      const same =
        only.decrypt(id, 'phone', phone) === phones.get(id) && only.decrypt(id, 'date_of_birth', born) === BORN;
      found.lost += Number(!same);
    } catch {
      found.unreadable += 1;
    }
  }
  return found;
}

try {
  await client.connect();
  const members = await createMembers(stage.settings, PEOPLE, 'moved');
  const phones = new Map<string, string>();
  await encryptAll(members, phones);
  const service = await stage.service({ values: { ENCRYPTION_KEYS: `${NEW},${OLD}` } });
  const state = { going: true };
  const share = (writer: number) => members.filter((_, index) => index % CONNECTIONS === writer);
  const writers = Promise.all(
    Array.from({ length: CONNECTIONS }, (_, writer) => write(service.url, share(writer), phones, state)),
  );
  writers.catch(() => undefined);
  for (const until of [...KILLS, 1]) console.log(await reencrypt(until));
  state.going = false;
  const writes = (await writers).reduce((sum, count) => sum + count, 0);
  const found = await check(phones);
  console.log(`${writes} changes by users at the same time, all answered 200; in the end ${JSON.stringify(found)}`);

  const later = await stage.service({ values: { ENCRYPTION_KEYS: NEW } });
  let wrong = 0;
  for (const { id, access } of members.filter((_, index) => index % Math.ceil(PEOPLE / 1000) === 0)) {
    const answer = await fetch(`${later.url}/users/profile`, { headers: { authorization: `Bearer ${access}` } });
    const { phone, date_of_birth } = (await answer.json()) as Record<string, string>;
    wrong += Number(phone !== phones.get(id) || date_of_birth !== BORN);
  }
  console.log(`1 of ${Math.ceil(PEOPLE / 1000)} profiles read from a service without the old key: ${wrong} wrong`);
  failed ||= found.old + found.lost + found.unreadable + wrong > 0 || found.rows !== PEOPLE;
} finally {
  await client.end();
  await stage.stop();
}
process.exitCode = failed ? 1 : 0;
