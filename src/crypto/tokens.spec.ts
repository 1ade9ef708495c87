import { deriveKey, hmacSha256, randomToken, equalInConstantTime, tokenHash } from './tokens.js';

it('generates unique tokens of 256 bits that need no escaping in a URL', () => {
  const tokens = Array.from({ length: 1000 }, randomToken);
  expect(new Set(tokens).size).toBe(1000);
  for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

it('stores a token as its SHA-256 (test vector of FIPS 180-2)', () => {
  expect(tokenHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

it('derives a stable key that differs by purpose and secret', () => {
  const key = deriveKey('secret', 'refresh-token');
  expect(key).toHaveLength(32);
  expect(deriveKey('secret', 'refresh-token')).toEqual(key);
  expect(deriveKey('secret', 'cursor')).not.toEqual(key);
  expect(deriveKey('another secret', 'refresh-token')).not.toEqual(key);
});

it('signs with HMAC-SHA-256 (test case 2 of RFC 4231)', () => {
  const signature = hmacSha256(Buffer.from('Jefe'), 'what do ya want for nothing?');
  expect(signature.toString('hex')).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
});

it('compares bytes, of different lengths too', () => {
  const bytes = (text: string) => Buffer.from(text);
  expect(equalInConstantTime(bytes('abc'), bytes('abc'))).toBe(true);
  expect(equalInConstantTime(bytes('abc'), bytes('abd'))).toBe(false);
  expect(equalInConstantTime(bytes('abc'), bytes('abcd'))).toBe(false);
});
