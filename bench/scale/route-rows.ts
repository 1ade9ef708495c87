import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { SEED_PASSWORD } from '../../scripts/seed/people.js';
import type { BenchMember } from '../lib/members.js';
import { send } from './http.js';
import type { ScaleRow, Site } from './row.js';

const MEASURED_ATTEMPTS = 60;
const PAGE_ATTEMPTS = 20;

type Request = (member: BenchMember, next: BenchMember) => [method: string, path: string, body?: unknown];

/** One request for each member. @param on with Redis, or `plain` without it */
const keyed = (id: string, name: string, on: 'service' | 'plain', request: Request, warmUp = false): ScaleRow => ({
  id,
  name,
  kind: 'keyed',
  members: MEASURED_ATTEMPTS,
  tasks: async (site, members) => {
    const tasks = members.map((member, index) => () => {
      const [method, path, body] = request(member, members[(index + 1) % members.length]!);
      return send(site[on], method, path, { token: member.access, body });
    });
    if (warmUp) for (const task of tasks) await task();
    return tasks;
  },
});

const asAdmin = ({ plain, admin }: Site, query: string) =>
  send(plain, 'GET', `/admin/users?${query}`, { token: admin.access });

const repeated = (id: string, name: string, kind: 'list' | 'search', query: () => string): ScaleRow => ({
  id,
  name,
  kind,
  tasks: (site) => Array.from({ length: PAGE_ATTEMPTS }, () => () => asAdmin(site, query())),
});

/** Every fifth address of the seed holds it. */
const FREQUENT = 'example.com';
const absent = () => `zqx${randomBytes(4).toString('hex')}`;

export const routeRows: ScaleRow[] = [
  keyed('profile-cached', 'GET /users/profile, cache warm', 'service', () => ['GET', '/users/profile'], true),
  keyed('profile-stored', 'GET /users/profile, Redis absent', 'plain', () => ['GET', '/users/profile']),
  keyed('refresh', 'POST /auth/refresh', 'service', ({ refresh }) => [
    'POST',
    '/auth/refresh',
    { refresh_token: refresh },
  ]),
  keyed('profile-update', 'PUT /users/profile', 'service', () => ['PUT', '/users/profile', { bio: randomUUID() }]),
  keyed('login', 'POST /auth/login at bcrypt cost 4 (1 ms)', 'service', ({ email }) => [
    'POST',
    '/auth/login',
    { email, password: SEED_PASSWORD },
  ]),
  keyed('sessions', 'GET /users/sessions', 'plain', () => ['GET', '/users/sessions']),
  keyed('preferences', 'GET /users/preferences, not cached', 'plain', () => ['GET', '/users/preferences']),
  keyed('member-card', 'GET /users/{id}, not cached', 'plain', (_, next) => ['GET', `/users/${next.id}`]),
  keyed('verify', 'GET /auth/verify, Redis absent', 'plain', () => ['GET', '/auth/verify']),
  repeated('list-first', 'admin list, page 1', 'list', () => 'limit=10'),
  repeated('list-1000', 'admin list, page 1000', 'list', () => `limit=10&page=${randomInt(981, 1000)}`),
  {
    id: 'list-cursor',
    name: 'admin list, one page of a cursor walk',
    kind: 'list',
    tasks: (site) => {
      let after = '';
      return Array.from({ length: PAGE_ATTEMPTS }, () => async () => {
        const page = JSON.parse(await asAdmin(site, `limit=100${after}`)) as { next: string };
        after = `&after=${page.next}`;
      });
    },
  },
  repeated('search-frequent', `admin search, frequent word (${FREQUENT})`, 'search', () => `search=${FREQUENT}`),
  {
    id: 'search-rare',
    name: 'admin search, rare word (one address)',
    kind: 'search',
    members: PAGE_ATTEMPTS,
    tasks: (site, members) =>
      members.map(
        ({ email }) =>
          () =>
            asAdmin(site, `search=${email.split('@')[0]}@`),
      ),
  },
  repeated('search-absent', 'admin search, absent word', 'search', () => `search=${absent()}`),
];
