import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import 'reflect-metadata';
import bcrypt from 'bcrypt';
import { hashPassword } from '../src/crypto/password-schemes.js';
import { prepareBench } from './lib/arguments.js';
import { median } from './lib/quantiles.js';
import { createMembers, PASSWORD } from './lib/members.js';
import { createStage } from './lib/stage.js';

const LOGIN_ATTEMPTS = 60;
const MAX_DIFFERENCE_RATIO = 0.1;
/** Milliseconds: the threshold of a difference, and the pause between attempts. */
const MAX_NOISE_RATIO = 0.5;
const PAUSE_MS = 50;

type Send = (email: string) => Promise<number>;

/** Columns of an account of each kind; the service hashes with bcrypt. */
const kindsOfAccount = async (cost: number): Promise<Record<string, { hash: string | null; mfa?: boolean }>> => {
  const hash = await hashPassword(PASSWORD, { kind: 'bcrypt', cost });
  return {
    'bcrypt of an HMAC': { hash },
    'bcrypt of an earlier release': { hash: await bcrypt.hash(PASSWORD, cost) },
    'bcrypt of a lower cost': { hash: await hashPassword(PASSWORD, { kind: 'bcrypt', cost: cost - 2 }) },
    argon2id: { hash: await hashPassword(PASSWORD, { kind: 'argon2id', cost }) },
    'no password': { hash: null },
    'second factor': { hash, mfa: true },
  };
};

const stranger = () => `${randomBytes(8).toString('hex')}@bench.example`;

async function timed(send: () => Promise<number>, status: number): Promise<number> {
  const started = performance.now();
  const answered = await send();
  const spent = performance.now() - started;
  if (answered !== status) throw new Error(`answered ${answered} instead of ${status}`);
  return spent;
}

/** Alternates known and unknown addresses, so that a drift of the machine affects both. Medians in milliseconds. */
async function measure(known: () => string, send: Send, status: number): Promise<[known: number, unknown: number]> {
  const spent: [number[], number[]] = [[], []];
  for (let count = 0; count < LOGIN_ATTEMPTS; count += 1) {
    const order = count % 2 === 0 ? [0, 1] : [1, 0];
    for (const which of order) {
      const email = which === 0 ? known() : stranger();
      spent[which]!.push(await timed(() => send(email), status));
      // Work after the answer, such as mail, must not affect the next attempt.
      await sleep(PAUSE_MS);
    }
  }
  return [median(spent[0]), median(spent[1])];
}

prepareBench({
  call: 'npm run bench:login-timing --',
  does:
    'whether the time of an answer reveals if an address has an account: sign-in, forgotten password, registration\n' +
    '  Exit code 1 where the medians differ by more than a tenth.',
  options: {},
});
const stage = await createStage((line) => console.error(line));
let unequal = false;
try {
  const members = await createMembers(stage.settings, LOGIN_ATTEMPTS, 'timing');
  const limits = ['SIGN_INS', 'LOGIN_PAIR', 'LOGIN_ADDRESS', 'LOGIN_IP', 'REGISTER_IP', 'FORGOT_IP', 'MAIL_ADDRESS'];
  const service = await stage.service({
    values: {
      RATE_LIMIT_ENABLED: 'true',
      REQUIRE_EMAIL_VERIFICATION: 'true',
      ...Object.fromEntries(limits.map((name) => [`RATE_LIMIT_${name}`, '1000000'])),
    },
  });
  const post = async (path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    await answer.arrayBuffer();
    return answer.status;
  };
  // Each address once per row, like unknown ones: a repeated one is an existing key of the rate limits.
  let next = 0;
  const known = () => members[next++ % members.length]!.email;
  const kinds = await kindsOfAccount(stage.settings.bcryptCost);
  const rows: [string, Send, number][] = [
    ...Object.keys(kinds).map((kind): [string, Send, number] => [
      `POST /auth/login, wrong password: ${kind}`,
      (email) => post('/auth/login', { email, password: 'not the password' }),
      401,
    ]),
    ['POST /auth/password/forgot', (email) => post('/auth/password/forgot', { email }), 202],
    [
      'POST /auth/register, confirmation required',
      (email) => post('/auth/register', { email, name: 'Bench', password: PASSWORD }),
      202,
    ],
  ];
  for (const [, send, status] of rows)
    for (let warm = 0; warm < 5; warm += 1) await timed(() => send(stranger()), status);
  console.log(`${LOGIN_ATTEMPTS} tries each, medians in milliseconds\n`);
  console.log('| request | account | no account | ratio |\n| --- | --- | --- | --- |');
  for (const [name, send, status] of rows) {
    const kind = kinds[name.split(': ')[1] ?? ''];
    if (kind)
      await stage.query('UPDATE users SET password_hash = $1, mfa_enabled = $2', [kind.hash, kind.mfa ?? false]);
    const [a, b] = await measure(known, send, status);
    const ratio = a / b;
    unequal ||= Math.abs(a - b) > Math.max(MAX_DIFFERENCE_RATIO * b, MAX_NOISE_RATIO);
    console.log(`| ${name} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${ratio.toFixed(3)} |`);
  }
} finally {
  await stage.stop();
}
process.exitCode = unequal ? 1 : 0;
