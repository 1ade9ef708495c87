import { canonicalEmail, legacyEmail, mailboxOf } from './email-address.js';

it.each([
  ['blanks around it', ' ada@example.com\n', 'ada@example.com'],
  ['capitals', 'Ada@Example.COM', 'ada@example.com'],
  ['a domain in wide letters', 'ada@ｅxample.com', 'ada@example.com'],
  ['an ideographic full stop', 'ada@example。com', 'ada@example.com'],
  ['a domain of another script', 'ada@Bücher.example', 'ada@xn--bcher-kva.example'],
  ['an accent of its own', 'ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'],
  ['a letter that older rules replaced', 'ada@faß.example', 'ada@xn--fa-hia.example'],
])('normalizes an address with %s', (_, given, expected) => {
  expect(canonicalEmail(given)).toBe(expected);
  expect(canonicalEmail(expected)).toBe(expected);
  expect(mailboxOf(given)).toBe(expected);
});

it.each([
  ['ad\u200ba@example.com', 'ada@example.com'],
  ['ada@exam\u00adple.com', 'ada@example.com'],
  ['ａｄａ＠example.com', 'ada@example.com'],
  ['Rene\u0301@example.com', 'rené@example.com'],
  ['no-at-sign', 'no-at-sign'],
])('counts %j as %j, and refuses it for a new account', (given, mailbox) => {
  expect(canonicalEmail(given)).toBeNull();
  expect(mailboxOf(given)).toBe(mailbox);
});

it.each([
  ['wide letters', 'ａｄａ@example.com', 'ada@example.com'],
  ['an accent of its own', 'rene\u0301@example.com', 'ren\u00e9@example.com'],
  ['a capital that is not composed where its small letter is', 'J\u030can@example.com', '\u01f0an@example.com'],
  ['a soft hyphen', 'Ada@exam\u00adple.com', 'ada@exam\u00adple.com'],
])('finds an older account with %s by its stored spelling', (_, given, expected) => {
  expect(legacyEmail(given)).toBe(expected);
  expect(legacyEmail(expected)).toBe(expected);
});
