import { randomUUID } from 'node:crypto';
import type { Settings } from '../config/settings.js';
import { RefreshTokens } from './refresh-tokens.js';

const tokensOf = (secret: string, previousSecret: string | null = null) =>
  new RefreshTokens({ jwt: { secret, previousSecret } } as Settings);

const session = randomUUID();
const tokens = tokensOf('secret');

it('reads back the session and the counter it was made of', () => {
  for (const counter of [0, 1, 999_999_999])
    expect(tokens.read(tokens.make(session, counter))).toEqual({ sessionId: session, counter });
});

it('makes the same token on every instance, and another one for every step', () => {
  expect(tokensOf('secret').make(session, 7)).toBe(tokens.make(session, 7));
  expect(tokens.make(session, 8)).not.toBe(tokens.make(session, 7));
  expect(tokens.make(randomUUID(), 7)).not.toBe(tokens.make(session, 7));
});

it('carries 256 bits that cannot be guessed and nothing that has to be escaped in a URL', () => {
  expect(tokens.make(session, 12)).toMatch(/^[A-Za-z0-9_-]{22}\.12\.[A-Za-z0-9_-]{43}$/);
});

it('refuses the signature of a token for another session or another step', () => {
  const [id, counter, signature] = tokens.make(session, 1).split('.');
  const [other] = tokens.make(randomUUID(), 1).split('.');
  expect(tokens.read(`${other}.${counter}.${signature}`)).toBeNull();
  expect(tokens.read(`${id}.2.${signature}`)).toBeNull();
  expect(tokens.read(`${id}.01.${signature}`)).toBeNull();
});

it('refuses a token signed with another secret, and accepts the previous one of this service', () => {
  const old = tokensOf('old secret').make(session, 3);
  expect(tokens.read(old)).toBeNull();
  const rotated = tokensOf('secret', 'old secret');
  expect(rotated.read(old)).toEqual({ sessionId: session, counter: 3 });
  expect(rotated.make(session, 3)).toBe(tokens.make(session, 3));
});

it.each([
  ['nothing', ''],
  ['an access token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'],
  ['a cut token', tokens.make(session, 1).slice(0, -1)],
  ['a token with something behind it', `${tokens.make(session, 1)}.x`],
  ['a token on two lines', `${tokens.make(session, 1)}\n`],
  ['a negative counter', tokens.make(session, -1)],
  ['a counter without end', tokens.make(session, 10 ** 12)],
])('refuses %s', (_, token) => expect(tokens.read(token)).toBeNull());
