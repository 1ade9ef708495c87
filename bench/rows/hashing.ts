import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMembers, PASSWORD } from '../lib/members.js';
import { probe } from '../lib/probe.js';
import { median, quantile } from '../lib/quantiles.js';
import { type RowDefinition, rowOfRatios } from '../lib/row.js';

/** Operations per second of concurrent clients, until the last one finishes. */
async function rateOf(work: () => Promise<unknown>, clients: number, seconds: number): Promise<number> {
  const started = performance.now();
  const end = started + seconds * 1000;
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (; performance.now() < end; done += 1) await work();
    }),
  );
  return done / ((performance.now() - started) / 1000);
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const tokens = (await answer.json()) as { access_token?: string };
  if (!answer.ok || !tokens.access_token) throw new Error(`${url} answered ${answer.status}`);
}

/** Enough for a queue of hashes; and one per processor for bcrypt itself. */
const CONNECTIONS = 8;
const PROCESSORS = availableParallelism();
const PAIR_ATTEMPTS = 3;
/** Profile reads per second during the sign-ins: enough for a p99, with little CPU time. */
const READ_ATTEMPTS = 100;

export const hashing: RowDefinition[] = [
  {
    id: 'login',
    run: async (stage, { seconds }) => {
      const members = await createMembers(stage.settings, 64, 'login');
      const service = await stage.service();
      const hash = await bcrypt.hash(PASSWORD, stage.settings.bcryptCost);
      let turn = 0;
      const login = () =>
        post(`${service.url}/auth/login`, { email: members[turn++ % members.length]!.email, password: PASSWORD });
      const logins = () => rateOf(login, CONNECTIONS, seconds);
      const [reader] = await createMembers(stage.settings, 1, 'login-reader');
      const p99 = async (done: Promise<unknown>) => {
        const init = { headers: { authorization: `Bearer ${reader!.access}` } };
        return quantile(await probe(`${service.url}/users/profile`, init, READ_ATTEMPTS, done), 0.99);
      };
      await p99(sleep(2000));
      const ratios: number[] = [];
      const delays: { idle: number; during: number }[] = [];
      for (let pair = 0; pair < PAIR_ATTEMPTS; pair += 1) {
        const ours = await logins();
        ratios.push(ours / (await rateOf(() => bcrypt.compare(PASSWORD, hash), PROCESSORS, seconds)));
        const idle = await p99(sleep(seconds * 1000));
        delays.push({ idle, during: await p99(logins()) });
      }
      await service.stop();
      const slowdown = median(delays.map(({ idle, during }) => during / idle));
      return [
        rowOfRatios('POST /auth/login ÷ bcrypt', ratios, 0.95),
        {
          name: 'GET /users/profile p99 during logins ÷ idle',
          goal: '≤ 3',
          met: slowdown <= 3,
          ratio: slowdown,
          ratios: delays.map(({ idle, during }) => during / idle),
          note: delays.map(({ idle, during }) => `${during.toFixed(1)} ms against ${idle.toFixed(1)} ms`).join('; '),
        },
      ];
    },
  },
  {
    id: 'login-argon2id',
    run: async (stage, { seconds }) => {
      const kinds = ['argon2id', 'bcrypt'] as const;
      const logins = await Promise.all(
        kinds.map(async (kind) => {
          const members = await createMembers({ ...stage.settings, passwordHash: kind }, 64, `login-${kind}`);
          const service = await stage.service({ values: { PASSWORD_HASH: kind } });
          let turn = 0;
          const body = () => ({ email: members[turn++ % members.length]!.email, password: PASSWORD });
          return { service, run: () => rateOf(() => post(`${service.url}/auth/login`, body()), CONNECTIONS, seconds) };
        }),
      );
      const rates: [number, number][] = [];
      for (let pair = 0; pair < PAIR_ATTEMPTS; pair += 1) rates.push([await logins[0]!.run(), await logins[1]!.run()]);
      await Promise.all(logins.map(({ service }) => service.stop()));
      const note = rates.map((pair) => `${pair[0].toFixed(1)} against ${pair[1].toFixed(1)}/s`).join('; ');
      const ratios = rates.map(([ours, theirs]) => ours / theirs);
      return [rowOfRatios(`POST /auth/login: argon2id ÷ bcrypt ${stage.settings.bcryptCost}`, ratios, 1, note)];
    },
  },
  {
    id: 'register',
    run: async (stage, { seconds }) => {
      const service = await stage.service();
      const register = () =>
        post(`${service.url}/auth/register`, {
          email: `${randomUUID()}@bench.example`,
          name: 'Bench Member',
          password: PASSWORD,
        });
      await rateOf(register, CONNECTIONS, 2);
      const ratios: number[] = [];
      for (let pair = 0; pair < PAIR_ATTEMPTS; pair += 1) {
        const ours = await rateOf(register, CONNECTIONS, seconds);
        const theirs = await rateOf(() => bcrypt.hash(PASSWORD, stage.settings.bcryptCost), PROCESSORS, seconds);
        ratios.push(ours / theirs);
      }
      await service.stop();
      return [rowOfRatios('POST /auth/register ÷ bcrypt', ratios, 0.9)];
    },
  },
];
