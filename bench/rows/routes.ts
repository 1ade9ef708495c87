import { randomUUID } from 'node:crypto';
import { compare } from '../lib/compare.js';
import type { Script } from '../lib/load.js';
import { BenchMember, createMembers } from '../lib/members.js';
import type { RowDefinition } from '../lib/row.js';

/** Enough for each connection to lose one per run. */
const USERS = 128;

const bearer = (members: BenchMember[]) => (index: number) => ({
  authorization: `Bearer ${members[index % members.length]!.access}`,
});

const isProfile = (body: string) => (JSON.parse(body) as { name?: string }).name === 'Bench Member';

function read(members: BenchMember[], path: string): Script {
  return { method: 'GET', path, headers: bearer(members), check: isProfile };
}

/** Each request consumes a token and adds its successor; tokens of requests cut off at the end of a run are dropped. */
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

export function update(members: BenchMember[], path: string): Script {
  return {
    method: 'PUT',
    path,
    headers: bearer(members),
    body: () => ({ bio: randomUUID() }),
    check: (body) => (JSON.parse(body) as { bio?: string }).bio?.length === 36,
  };
}

type MakeScript = (members: BenchMember[], path: string) => Script;

/** Service and reference have separate members, because both consume refresh tokens. */
function compared(
  id: string,
  name: string,
  goal: number,
  script: MakeScript,
  [ours, theirs]: [string, string],
  without?: 'redis',
): RowDefinition {
  const run: RowDefinition['run'] = async (stage, options) => {
    const prepare = async (path: string, label: string) =>
      script(await createMembers(stage.settings, USERS, `${id}-${label}`), path);
    const [service, bare] = [await stage.service({ without }), await stage.bare()];
    const row = await compare(
      name,
      { target: service, script: await prepare(ours, 'service') },
      { target: bare, script: await prepare(theirs, 'bare') },
      goal,
      options,
    );
    await Promise.all([service.stop(), bare.stop()]);
    return [row];
  };
  return { id, run };
}

export const routes: RowDefinition[] = [
  compared('profile-cached', 'GET /users/profile, cache warm', 0.85, read, ['/users/profile', '/cached']),
  compared('profile-stored', 'GET /users/profile, Redis absent', 0.75, read, ['/users/profile', '/stored'], 'redis'),
  compared('refresh', 'POST /auth/refresh', 0.75, refresh, ['/auth/refresh', '/refresh']),
  compared('profile-update', 'PUT /users/profile (row, outbox, audit, cache)', 0.7, update, [
    '/users/profile',
    '/profile',
  ]),
];
