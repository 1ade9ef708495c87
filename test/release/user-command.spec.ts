import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp, uniqueEmail } from '../support/app.js';
import { MAIL_DIRECTORY, mailedToken } from '../support/mailbox.js';
import { runHosted, runScript } from '../support/scripts.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const user = (...args: string[]) => runHosted('user', args);

describe('npm run user', () => {
  it('creates, shows, exports, unlocks, signs out and erases an account', async () => {
    const email = uniqueEmail();
    expect(await runScript('user', ['create', '--email', email, '--name', 'Grace'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const token = await mailedToken(email, 'invitation');
    const password = 'a fine new phrase 7';
    expect((await service.post('/auth/password/reset', { token, password })).status).toBe(204);
    const { user: made, access_token: access } = (await service.post('/auth/login', { email, password })).body;

    const out = join(MAIL_DIRECTORY, 'export.json');
    const [shown, exported, unlocked, ended] = await Promise.all([
      user('show', email),
      runScript('user', ['export', email, '--out', out]),
      user('unlock', made.id, '--reason', 'called'),
      user('sessions', made.id.toUpperCase(), '--end', '--yes'),
    ]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ id: made.id, email });
    expect([exported.code, statSync(out).mode & 0o777]).toEqual([0, 0o600]);
    expect(JSON.parse(readFileSync(out, 'utf8')).profile.email).toBe(email);
    expect(unlocked).toMatchObject({ code: 0, stderr: '' });
    expect([ended.code, JSON.parse(ended.stdout)]).toEqual([0, []]);
    expect((await service.get('/users/profile', access)).status).toBe(401);
    const revoked = await service.sql(
      `SELECT payload #>> '{sub_id,sub}' AS sub FROM outbox_events WHERE event_type = 'sessions.revoked_all' AND user_id = $1`,
      [made.id],
    );
    expect(revoked.at(-1)).toEqual({ sub: made.id });
    expect(await user('erase', email, '--reason', 'asked for it', '--yes')).toMatchObject({ code: 0, stderr: '' });
    expect(await user('show', email)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no account'),
    });
    const actions = await service.sql('SELECT action, actor_id FROM audit_logs WHERE target_id = $1', [made.id]);
    for (const action of ['user.invited', 'user.exported', 'user.unlocked', 'user.sessions_revoked', 'user.deleted'])
      expect(actions).toContainEqual({ action, actor_id: null });
  }, 90_000);

  it.each([
    ['create --email no-address --name Grace', '--email must be'],
    ['create --email a@example.com', '--name is missing'],
    ['erase a@example.com --yes', '--reason is missing'],
    ['erase a@example.com --reason x --yes', '--reason must be'],
    ['show', 'ID|ADDRESS is missing'],
    ['show 42', 'ID|ADDRESS must be'],
    ['sessions a@example.com --reason spam', '--reason goes with --end'],
  ])('refuses: %s', async (line, message) => {
    expect(await user(...line.split(' '))).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });
});
