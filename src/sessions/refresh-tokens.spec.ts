import { randomUUID } from 'node:crypto';
import type { Settings } from '../config/settings.js';
import { KeyRing } from '../crypto/key-ring.js';
import { deriveKey, hmacSha256, tokenHash } from '../crypto/tokens.js';
import { RefreshTokens } from './refresh-tokens.js';

function tokensOf(kids: string[], jwt: Partial<Settings['jwt']> = {}): RefreshTokens {
  const encryptionKeys = kids.map((kid) => ({ kid, key: Buffer.alloc(32, kid) }));
  const all = { secret: 'secret', previousSecret: null, binding: 'require', ...jwt };
  const settings = { jwt: all, encryptionKeys } as unknown as Settings;
  return new RefreshTokens(settings, new KeyRing(settings));
}

const session = randomUUID();
const tokens = tokensOf(['k1']);
const claim = (counter: number, legacy = false) => ({ sessionId: session, counter, legacy });

/** As earlier releases made them. */
function oldRule(secret: string, counter: number): string {
  const body = tokens.make(session, counter).split('.').slice(0, 2).join('.');
  return `${body}.${hmacSha256(deriveKey(secret, 'refresh-token'), body).toString('base64url')}`;
}

it('verifies to the session and counter that it was made of', () => {
  for (const counter of [0, 1, 999_999_999])
    expect(tokens.verify(tokens.make(session, counter))).toEqual(claim(counter));
});

it('makes the same token on every instance, and a different one for each counter', () => {
  expect(tokensOf(['k1']).make(session, 7)).toBe(tokens.make(session, 7));
  expect(tokens.make(session, 8)).not.toBe(tokens.make(session, 7));
  expect(tokens.make(randomUUID(), 7)).not.toBe(tokens.make(session, 7));
});

it('has a signature of 256 bits and needs no escaping in a URL', () => {
  expect(tokens.make(session, 12)).toMatch(/^[A-Za-z0-9_-]{22}\.12\.[A-Za-z0-9_-]{43}$/);
});

it('refuses the signature of another session or counter', () => {
  const [id, counter, signature] = tokens.make(session, 1).split('.');
  const [other] = tokens.make(randomUUID(), 1).split('.');
  expect(tokens.verify(`${other}.${counter}.${signature}`)).toBeNull();
  expect(tokens.verify(`${id}.2.${signature}`)).toBeNull();
  expect(tokens.verify(`${id}.01.${signature}`)).toBeNull();
});

it('refuses a token under another key, accepts each key of the list and signs with the first', () => {
  const old = tokensOf(['k0']).make(session, 3);
  expect(tokens.verify(old)).toBeNull();
  const rotated = tokensOf(['k1', 'k0']);
  expect(rotated.verify(old)).toEqual(claim(3));
  expect(rotated.make(session, 3)).toBe(tokens.make(session, 3));
  expect(rotated.find(session, 3, tokenHash(old))).toEqual({ token: old, legacy: false });
  expect(tokens.find(session, 3, tokenHash(old))).toBeNull();
});

it('marks tokens that JWT_SECRET alone could sign, and makes them only with JWT_BINDING=accept', () => {
  expect(tokens.verify(oldRule('secret', 3))).toEqual(claim(3, true));
  expect(tokens.verify(oldRule('former', 3))).toBeNull();
  expect(tokensOf(['k1'], { previousSecret: 'former' }).verify(oldRule('former', 3))).toEqual(claim(3, true));
  expect(tokens.make(session, 3)).not.toBe(oldRule('secret', 3));
  expect(tokensOf(['k1'], { binding: 'accept' }).make(session, 3)).toBe(oldRule('secret', 3));
});

it.each([
  ['nothing', ''],
  ['an access token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'],
  ['a cut token', tokens.make(session, 1).slice(0, -1)],
  ['a token with something behind it', `${tokens.make(session, 1)}.x`],
  ['a token on two lines', `${tokens.make(session, 1)}\n`],
  ['a negative counter', tokens.make(session, -1)],
  ['a counter without end', tokens.make(session, 10 ** 12)],
])('refuses %s', (_, token) => expect(tokens.verify(token)).toBeNull());
