import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareBench } from './lib/arguments.js';
import { probe, timed } from './lib/probe.js';
import { median, quantile } from './lib/quantiles.js';
import { createMembers, PASSWORD } from './lib/members.js';
import { createStage } from './lib/stage.js';

const CONNECTIONS = 64;
const MAX_ANSWER_MS = 8000;

prepareBench({
  call: 'npm run bench:login-burst --',
  does:
    '64 sign-ins at once, at one account each and then all at one: statuses, times, and GET /users/profile beside them\n' +
    '  Exit code 1 for an answer other than 200 or 429, or one later than eight seconds.',
  options: {},
});
const stage = await createStage((line) => console.error(line));
let wrong = false;
try {
  const members = await createMembers(stage.settings, CONNECTIONS, 'burst');
  const service = await stage.service({ values: { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_SIGN_INS: '1000' } });
  const login = (email: string) =>
    timed(`${service.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password: PASSWORD }),
    });
  const profiles = (done: Promise<unknown>) =>
    probe(`${service.url}/users/profile`, { headers: { authorization: `Bearer ${members[0]!.access}` } }, 50, done);

  await profiles(sleep(500));
  const idle = await profiles(sleep(3000));
  console.log('| 64 sign-ins at once | statuses | slowest | profile beside them p50 / p99 | profile idle p50 / p99 |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const name of ['at 64 accounts', 'all at one account']) {
    const emails = members.map(({ email }) => (name.startsWith('all') ? members[0]!.email : email));
    const logins = Promise.all(emails.map(login));
    const beside = await profiles(logins);
    const answers = await logins;
    const statuses: Record<number, number> = {};
    for (const [status] of answers) statuses[status] = (statuses[status] ?? 0) + 1;
    const slowest = Math.max(...answers.map(([, ms]) => ms));
    wrong ||= slowest > MAX_ANSWER_MS || answers.some(([status]) => status !== 200 && status !== 429);
    const pair = (values: number[]) => `${median(values).toFixed(1)} / ${quantile(values, 0.99).toFixed(1)} ms`;
    console.log(
      `| ${name} | ${JSON.stringify(statuses)} | ${Math.round(slowest)} ms | ${pair(beside)} | ${pair(idle)} |`,
    );
  }
} finally {
  await stage.stop();
}
process.exitCode = wrong ? 1 : 0;
