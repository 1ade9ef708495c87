import { passwordViolations } from './password-rules.js';

const owner = { email: 'margaret@example.com', name: 'Margaret Hamilton', current: 'the one before this' };

describe('passwordViolations', () => {
  it.each([
    'securepassword',
    'correct horse battery',
    'Tr0ub4dor',
    'twelve chars',
    `${'ä'.repeat(35)}zz`,
    'пароль-длинный',
    '口令口令口令口令口令口令',
  ])('accepts %j', (password) => {
    expect(passwordViolations(password, owner)).toEqual([]);
  });

  it.each([
    ['Ab1!xyz', [/at least 8/]],
    ['abcdefghijk', [/12 characters, or three of/]],
    ['ABCDEFG1234', [/12 characters, or three of/]],
    [`${'ä'.repeat(36)}1`, [/at most 72 bytes/]],
    ['margaret@example.com', [/e-mail/]],
    ['Margaret Hamilton', [/name/]],
    ['margaret hamilton', [/name/]],
    ['p@ssw0rd', [/most common/]],
    ['P@SSW0RD', [/most common/]],
    ['leavemealone', [/most common/]],
    ['password', [/12 characters/, /most common/]],
    ['123456', [/at least 8/, /12 characters/, /most common/]],
    ['the one before this', [/current one/]],
  ])('names the broken rules of %j', (password, rules) => {
    const broken = passwordViolations(password, owner);
    expect(broken).toHaveLength(rules.length);
    rules.forEach((rule, index) => expect(broken[index]!.message).toMatch(rule));
  });
});
