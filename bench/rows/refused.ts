import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyRoutes } from '../../test/support/body-routes.js';
import { Hostile, hostileBodies, hostileForms, hostileHeads } from '../lib/hostile.js';
import { BenchMember, createMembers } from '../lib/members.js';
import { probe } from '../lib/probe.js';
import type { Target } from '../lib/process.js';
import { quantile } from '../lib/quantiles.js';
import type { Row, RowDefinition } from '../lib/row.js';
import type { Stage } from '../lib/stage.js';

const MEASURED_ATTEMPTS = 3;
const CHEAP_MS = 2;
const CONNECTIONS = 30;
/** Of the profile, whose p99 is taken. */
const PROBES_PER_SECOND = 100;
const FLOOD_SECONDS = 4;
const MAX_MS = { open: 10, session: 25 };
const MAX_RATIO = 3;
/** Of each connection, requests a second. */
const RATES = [1, 10];
/** Statuses of requests that are refused for their content, not for their sender. */
const REFUSED = new Set([400, 413, 415]);

/** Milliseconds that the main thread of the process, which is its event loop, has run so far (schedstat of proc(5)). */
const loopMs = ({ pid }: Target) =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

/** @returns the status; 0 if the connection closed without an answer */
async function send(service: Target, hostile: Hostile, { access }: BenchMember): Promise<number> {
  const { method, path, body, session } = hostile;
  const headers = {
    ...hostile.headers,
    ...(session ? { authorization: `Bearer ${access}` } : {}),
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const sent = request(service.url, { method, path, headers, agent: false });
  sent.end(body);
  try {
    const [answer] = await once(sent, 'response');
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode as number;
  } catch {
    return 0;
  }
}

interface Cost {
  hostile: Hostile;
  status: number;
  /** Loop time that the request took, milliseconds. */
  ms: number;
}

/** @param idle part of the time that the loop runs without requests: the relay, metrics, other clocks */
async function measure(service: Target, hostile: Hostile, member: BenchMember, idle: number): Promise<Cost> {
  const [ran, begun] = [loopMs(service), performance.now()];
  const status = await send(service, hostile, member);
  // Work after the answer, such as its log line, counts too.
  await sleep(2);
  const ms = loopMs(service) - ran - idle * (performance.now() - begun);
  if (status >= 500) throw new Error(`${hostile.method} ${hostile.path.slice(0, 60)} answered ${status}`);
  return { hostile, status, ms };
}

/** Repeats an expensive request: the first one of its kind also compiles code. */
async function worstFirst(service: Target, requests: Hostile[], member: BenchMember): Promise<Cost[]> {
  const ran = loopMs(service);
  await sleep(1000);
  const idle = (loopMs(service) - ran) / 1000;
  const costs: Cost[] = [];
  for (const hostile of requests) {
    const tries = [await measure(service, hostile, member, idle)];
    while (tries[0]!.ms > CHEAP_MS && tries.length < MEASURED_ATTEMPTS)
      tries.push(await measure(service, hostile, member, idle));
    // Other work can only add time.
    costs.push({ ...tries[0]!, ms: Math.min(...tries.map(({ ms }) => ms)) });
  }
  return costs.sort((a, b) => b.ms - a.ms);
}

/**
 * Latencies of the profile during the flood, milliseconds.
 * @param overallRate of the connections together, requests a second
 */
async function flood(service: Target, hostile: Hostile, member: BenchMember, overallRate: number): Promise<number[]> {
  const { method, path, headers, body } = hostile;
  // In another thread, which must not delay this one's measurements.
  const requests = [{ method, path, headers, body: body?.toString() }];
  const options = { connections: CONNECTIONS, duration: FLOOD_SECONDS, overallRate, workers: 1 };
  const { default: autocannon } = await import('autocannon');
  const sent = autocannon({ url: service.url, requests, ...options });
  return probe(`${service.url}/users/profile`, asking(member), PROBES_PER_SECOND, Promise.resolve(sent));
}

const asking = ({ access }: BenchMember): RequestInit => ({ headers: { authorization: `Bearer ${access}` } });

async function createAdministrator({ settings, query }: Stage): Promise<BenchMember> {
  const [member] = (await createMembers(settings, 1, 'refused')) as [BenchMember];
  await query(`UPDATE users SET role = 'admin' WHERE id = $1`, [member.id]);
  return member;
}

/** One line for each route and kind of client, the worst of its requests first. */
function toRows(costs: Cost[]): Row[] {
  const byRoute = new Map<string, Cost[]>();
  for (const cost of costs) {
    const { method, path, session } = cost.hostile;
    const name = `${method} ${path.split(/[?%]/)[0]!.slice(0, 40)}${session ? ', with a session' : ''}`;
    byRoute.set(name, [...(byRoute.get(name) ?? []), cost]);
  }
  return [...byRoute].map(([name, own]) => {
    const { hostile, ms, status } = own[0]!;
    const max = hostile.session ? MAX_MS.session : MAX_MS.open;
    const note = `ms; ${own.length} requests, worst: ${hostile.kind} (${status})`;
    return { name, goal: `≤ ${max} ms`, met: ms <= max, ratio: ms, note };
  });
}

export const refused: RowDefinition[] = [
  {
    id: 'refused',
    run: async (stage) => {
      const member = await createAdministrator(stage);
      const service = await stage.service({ values: { BCRYPT_COST: '10', DOCS_ENABLED: 'true' } });
      const get = async () => ({ body: await (await fetch(`${service.url}/docs-json`)).json() });
      const requests = [...(await bodyRoutes({ get })).flatMap(hostileBodies), ...hostileForms(), ...hostileHeads()];
      const costs = await worstFirst(service, requests, member);
      const profile = `${service.url}/users/profile`;
      const idle = await probe(profile, asking(member), PROBES_PER_SECOND, sleep(FLOOD_SECONDS * 1000));
      const worst = costs.find(({ hostile, status }) => !hostile.session && REFUSED.has(status))!.hostile;
      const rows = toRows(costs);
      const idleP99 = quantile(idle, 0.99);
      for (const perSecond of RATES) {
        const flooded = await flood(service, worst, member, perSecond * CONNECTIONS);
        const p99 = quantile(flooded, 0.99);
        const ratio = p99 / idleP99;
        const note = `p99 ${p99.toFixed(1)} ms, idle ${idleP99.toFixed(1)} ms; ${worst.method} ${worst.path.slice(0, 40)}: ${worst.kind}`;
        const name = `GET /users/profile beside ${CONNECTIONS} connections with the worst open request, ${perSecond} a second each`;
        rows.push({ name, goal: `≤ ${MAX_RATIO} × idle`, met: ratio <= MAX_RATIO, ratio, note });
      }
      await service.stop();
      return rows;
    },
  },
];
