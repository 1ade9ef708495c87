import type { Random } from '../../../scripts/seed/random.js';
import type { Gateway } from '../gateway.js';
import type { People } from '../people.js';
import type { Verdicts } from '../verdicts.js';
import type { Rows } from './database.js';

/** Tokens tried at each instance at the end. */
const MAX_TOKEN_ENTRIES = 300;

export interface InstanceFindings {
  compared: number;
  stale: string[];
  tokensTried: number;
  revived: number;
}

/** Compares the answers of both instances with the rows, and tries revoked tokens. */
export async function checkInstances(
  gateway: Gateway,
  people: People,
  rows: Rows,
  verdicts: Verdicts,
  random: Random,
): Promise<InstanceFindings> {
  const findings: InstanceFindings = { compared: 0, stale: [], tokensTried: 0, revived: 0 };
  const users = new Map(rows.users.map((user) => [user.email, user]));
  const ask = async (operation: string, path: string, token: string, instance: number, statuses: number[]) => {
    const attempt = await gateway.once({ operation, method: 'GET', path, token }, instance);
    verdicts.judge(operation, attempt, { statuses }, false);
    return attempt;
  };
  for (const instance of [0, 1]) {
    for (const person of people.all) {
      const row = users.get(person.email);
      if (!person.session || !row) continue;
      const { access } = person.session;
      const profile = await ask('read profile', '/users/profile', access, instance, [200]);
      const preferences = await ask('read preferences', '/users/preferences', access, instance, [200]);
      findings.compared += 2;
      if (profile.outcome === 200 && profile.body.bio !== row.bio)
        findings.stale.push(`instance ${instance}: ${profile.body.bio} instead of ${row.bio}`);
      if (preferences.outcome === 200 && String(preferences.body.interests) !== String(row.interests))
        findings.stale.push(`instance ${instance}: ${preferences.body.interests} instead of ${row.interests}`);
    }
    for (const token of sample(people.revoked, random)) {
      const { outcome } = await ask('revoked token', '/users/profile', token, instance, [200, 401]);
      findings.tokensTried += 1;
      if (outcome === 200) findings.revived += 1;
    }
    for (const refresh_token of sample(people.revokedRefresh, random)) {
      const operation = 'revoked refresh token';
      const call = { operation, method: 'POST' as const, path: '/auth/refresh', body: { refresh_token } };
      const attempt = await gateway.once(call, instance);
      verdicts.judge(operation, attempt, { statuses: [200, 401] }, false);
      findings.tokensTried += 1;
      if (attempt.outcome === 200) findings.revived += 1;
    }
  }
  return findings;
}

function sample(tokens: readonly string[], random: Random): string[] {
  if (tokens.length <= MAX_TOKEN_ENTRIES) return [...tokens];
  return Array.from({ length: MAX_TOKEN_ENTRIES }, () => random.pick(tokens));
}
