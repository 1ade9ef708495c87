import { randomUUID } from 'node:crypto';
import { compare } from '../lib/compare.js';
import type { Script } from '../lib/load.js';
import { BenchMember, createMembers } from '../lib/members.js';
import type { RowDefinition } from '../lib/row.js';

/** Enough for every connection of every run to lose one. */
const USERS = 128;

const bearer = (members: BenchMember[]) => (index: number) => ({
  authorization: `Bearer ${members[index % members.length]!.access}`,
});

const isProfile = (body: string) => (JSON.parse(body) as { name?: string }).name === 'Bench Member';

function read(members: BenchMember[], path: string): Script {
  return { method: 'GET', path, headers: bearer(members), check: isProfile };
}

/** A token is taken for a request and its child put back; those whose answer the end of a run cuts off are not used again. */
function refresh(members: BenchMember[], path: string): Script {
  const free = members.map((member) => member.refresh);
  return {
    method: 'POST',
    path,
    body: () => ({ refresh_token: free.shift() }),
    check: (body) => {
      const answer = JSON.parse(body) as { refresh_token?: string; access_token?: string };
      if (!answer.refresh_token || !answer.access_token) return false;
      free.push(answer.refresh_token);
      return true;
    },
  };
}

function update(members: BenchMember[], path: string): Script {
  return {
    method: 'PUT',
    path,
    headers: bearer(members),
    body: () => ({ bio: randomUUID() }),
    check: (body) => (JSON.parse(body) as { bio?: string }).bio?.length === 36,
  };
}

export const routes: RowDefinition[] = [
  {
    id: 'profile-cached',
    run: async (stage, options) => {
      const members = await createMembers(stage.settings, USERS, 'cached');
      const [service, bare] = [await stage.service(), await stage.bare()];
      const row = await compare(
        'GET /users/profile, cache warm',
        { target: service, script: read(members, '/users/profile') },
        { target: bare, script: read(members, '/cached') },
        0.85,
        options,
      );
      await Promise.all([service.stop(), bare.stop()]);
      return [row];
    },
  },
  {
    id: 'profile-stored',
    run: async (stage, options) => {
      const members = await createMembers(stage.settings, USERS, 'stored');
      const [service, bare] = [await stage.service({ without: 'redis' }), await stage.bare()];
      const row = await compare(
        'GET /users/profile, Redis absent',
        { target: service, script: read(members, '/users/profile') },
        { target: bare, script: read(members, '/stored') },
        0.75,
        options,
      );
      await Promise.all([service.stop(), bare.stop()]);
      return [row];
    },
  },
  {
    id: 'refresh',
    run: async (stage, options) => {
      const ours = await createMembers(stage.settings, USERS, 'refresh-service');
      const theirs = await createMembers(stage.settings, USERS, 'refresh-bare');
      const [service, bare] = [await stage.service(), await stage.bare()];
      const row = await compare(
        'POST /auth/refresh',
        { target: service, script: refresh(ours, '/auth/refresh') },
        { target: bare, script: refresh(theirs, '/refresh') },
        0.75,
        options,
      );
      await Promise.all([service.stop(), bare.stop()]);
      return [row];
    },
  },
  {
    id: 'profile-update',
    run: async (stage, options) => {
      const ours = await createMembers(stage.settings, USERS, 'update-service');
      const theirs = await createMembers(stage.settings, USERS, 'update-bare');
      const [service, bare] = [await stage.service(), await stage.bare()];
      const row = await compare(
        'PUT /users/profile (row, outbox, audit, cache)',
        { target: service, script: update(ours, '/users/profile') },
        { target: bare, script: update(theirs, '/profile') },
        0.7,
        options,
      );
      await Promise.all([service.stop(), bare.stop()]);
      return [row];
    },
  },
];
