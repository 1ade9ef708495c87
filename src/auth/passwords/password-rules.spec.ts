import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppError } from '../../common/errors.js';
import { PasswordRules } from './password-rules.js';
import { StrengthWorker } from './strength-worker.js';

const owner = { email: 'margaret.h@example.com', name: 'Margaret Hamilton', current: 'the one before this' };
const worker = new StrengthWorker();
const rules = new PasswordRules(worker);

afterAll(() => worker.onApplicationShutdown());

async function violationsOf(password: string): Promise<{ rule: string; message: string }[]> {
  const error: unknown = await rules.check(password, owner).catch((thrown: unknown) => thrown);
  return error === undefined ? [] : ((error as AppError).extras.details ?? [{ rule: String(error), message: '' }]);
}

it.each([
  'securepassword',
  'correct horse battery',
  'Tr0ub4dour&3',
  'onlylower11',
  `${'ä'.repeat(60)} words that are long`,
  'пароль-длинный',
])('accepts %j', async (password) => {
  expect(await violationsOf(password)).toEqual([]);
});

it.each([
  ['Ab1!xyz', 'too_short', /at least 8/],
  ['ab '.repeat(43), 'too_long', /at most 128/],
  ['Password1!', 'too_simple', /similar to a commonly used/],
  ['Welcome2026', 'too_simple', /Add more words/],
  ['meetinity2026', 'too_simple', /personal or page related/],
  ['aaaaaaaaaaaa', 'too_simple', /Repeated characters/],
  ['P@ssw0rd2026', 'too_simple', /substitutions/],
  ['Summer2026!', 'too_simple', /digits or signs around it/],
  ['Password2026!', 'too_simple', /digits or signs around it/],
  ['Meetinity!2026', 'too_simple', /digits or signs around it/],
  ['margaret.h@example.com', 'too_simple', /personal/],
  ['Margaret Hamilton', 'too_simple', /personal/],
  ['MargaretHamilton1', 'too_simple', /personal/],
  ['the one before this', 'same_as_current', /current one/],
])('refuses %j as %s, with advice', async (password, rule, message) => {
  expect(await violationsOf(password)).toEqual([expect.objectContaining({ rule, field: 'password' })]);
  expect((await violationsOf(password))[0]!.message).toMatch(message);
});

it('counts characters after normalization, so that accents of two code points do not make a password longer', async () => {
  expect(await violationsOf('e\u0301'.repeat(7))).toEqual([expect.objectContaining({ rule: 'too_short' })]);
});

it('refuses every password of its list, in any case', async () => {
  const lines = readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'utf8').split('\n');
  const listed = lines.filter((line) => line !== '' && !line.startsWith('#'));
  expect([listed.length, listed.includes('securepassword')]).toEqual([10_000, false]);
  for (const password of [listed[0]!, listed[5000]!.toUpperCase(), 'Azerty2026!'])
    expect(await violationsOf(password)).toEqual([expect.objectContaining({ rule: 'too_common' })]);
});

it('answers busy to more passwords than it can judge in time, and goes on afterwards', async () => {
  const results = await Promise.all(
    Array.from({ length: 40 }, () => rules.check('4'.repeat(128), owner).catch((error: AppError) => error.type)),
  );
  expect(new Set(results)).toEqual(new Set(['weak_password', 'busy']));
  expect(results.filter((type) => type === 'busy')).toHaveLength(8);
  expect(await violationsOf('correct horse battery')).toEqual([]);
});
