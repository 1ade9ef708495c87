import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ACTIVITY_KINDS } from './security-activity.js';

/** Audit actions that change nothing of who gets into the account, or are a part of one that is listed. */
const NOT_LISTED = [
  'avatar.removed',
  'avatar.replaced',
  'email.change_refused',
  'email.verified',
  'password.reset_requested',
  'preferences.updated',
  'profile.updated',
  'session.closed',
  'session.closed_all',
  'session.reauthenticated',
  'session.refresh_repeated',
  'session.revoked_others',
  'user.exported',
  'user.invited',
  'user.registered_again',
  'user.sessions_revoked',
  'user.unlocked',
];

/** Of no user, or of one that is gone. */
const ABOUT_NO_USER = [
  'account.purged',
  'service.created',
  'service.previous_token_revoked',
  'service.revoked',
  'service.rotated',
  'signing_key.rotated',
  'user.deleted',
  'users.exported',
];

const source = path.resolve(__dirname, '..');
const recorded = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
  .flatMap(
    (name) => readFileSync(path.join(source, name), 'utf8').match(/(?:action: |record\(tx, )'[a-z_]+\.[a-z_]+'/g) ?? [],
  )
  .map((text) => text.split("'")[1]!);

it('lists every audit action of a user, or says here why not', () => {
  expect(recorded.length).toBeGreaterThan(30);
  const decided = new Set([...Object.keys(ACTIVITY_KINDS), ...NOT_LISTED, ...ABOUT_NO_USER]);
  expect([...new Set(recorded)].filter((action) => !decided.has(action))).toEqual([]);
});
