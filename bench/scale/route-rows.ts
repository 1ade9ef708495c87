import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { SEED_PASSWORD } from '../../scripts/seed/people.js';
import { send } from './http.js';
import type { ScaleRow, Site } from './row.js';

const MEASURED_ATTEMPTS = 60;
const PAGE_ATTEMPTS = 20;

type Keyed = Omit<ScaleRow, 'kind' | 'members'>;

const keyed: Keyed[] = [
  {
    id: 'profile-cached',
    name: 'GET /users/profile, cache warm',
    tasks: async ({ service }, members) => {
      for (const { access } of members) await send(service, 'GET', '/users/profile', { token: access });
      return members.map(
        ({ access }) =>
          () =>
            send(service, 'GET', '/users/profile', { token: access }),
      );
    },
  },
  {
    id: 'profile-stored',
    name: 'GET /users/profile, Redis absent',
    tasks: ({ plain }, members) =>
      members.map(
        ({ access }) =>
          () =>
            send(plain, 'GET', '/users/profile', { token: access }),
      ),
  },
  {
    id: 'refresh',
    name: 'POST /auth/refresh',
    tasks: ({ service }, members) =>
      members.map(
        ({ refresh }) =>
          () =>
            send(service, 'POST', '/auth/refresh', { body: { refresh_token: refresh } }),
      ),
  },
  {
    id: 'profile-update',
    name: 'PUT /users/profile',
    tasks: ({ service }, members) =>
      members.map(
        ({ access }) =>
          () =>
            send(service, 'PUT', '/users/profile', { token: access, body: { bio: randomUUID() } }),
      ),
  },
  {
    id: 'login',
    name: 'POST /auth/login at bcrypt cost 4 (1 ms)',
    tasks: ({ service }, members) =>
      members.map(
        ({ email }) =>
          () =>
            send(service, 'POST', '/auth/login', { body: { email, password: SEED_PASSWORD } }),
      ),
  },
  {
    id: 'sessions',
    name: 'GET /users/sessions',
    tasks: ({ plain }, members) =>
      members.map(
        ({ access }) =>
          () =>
            send(plain, 'GET', '/users/sessions', { token: access }),
      ),
  },
  {
    id: 'preferences',
    name: 'GET /users/preferences, not cached',
    tasks: ({ plain }, members) =>
      members.map(
        ({ access }) =>
          () =>
            send(plain, 'GET', '/users/preferences', { token: access }),
      ),
  },
  {
    id: 'member-card',
    name: 'GET /users/{id}, not cached',
    tasks: ({ plain }, members) =>
      members.map(
        ({ access }, index) =>
          () =>
            send(plain, 'GET', `/users/${members[(index + 1) % members.length]!.id}`, { token: access }),
      ),
  },
  {
    id: 'verify',
    name: 'GET /auth/verify, Redis absent',
    tasks: ({ plain }, members) =>
      members.map(
        ({ access }) =>
          () =>
            send(plain, 'GET', '/auth/verify', { token: access }),
      ),
  },
];

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
  ...keyed.map((row) => ({ ...row, kind: 'keyed' as const, members: MEASURED_ATTEMPTS })),
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
