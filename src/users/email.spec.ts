import { normalizeEmail } from './email.js';

it.each([
  ['blanks around it', ' ada@example.com\n', 'ada@example.com'],
  ['capitals', 'Ada@Example.COM', 'ada@example.com'],
  ['wide letters', 'ａｄａ@example.com', 'ada@example.com'],
  ['an accent of its own', 'rene\u0301@example.com', 'ren\u00e9@example.com'],
  ['a capital that is not composed where its small letter is', 'J\u030can@example.com', '\u01f0an@example.com'],
])('an address with %s has the one spelling of its mailbox', (_, given, expected) => {
  expect(normalizeEmail(given)).toBe(expected);
  expect(normalizeEmail(expected)).toBe(expected);
});
