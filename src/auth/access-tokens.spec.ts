import { randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import type { Settings } from '../config/settings.js';
import { AccessTokens, accessTokenOptions } from './access-tokens.js';

const settings = {
  jwt: { secret: 'a secret of this spec', previousSecret: null, accessSeconds: 3600 },
} as unknown as Settings;
const user = { id: randomUUID(), email: 'ada@example.com', name: 'Ada', role: 'user' };

const refusal = expect.objectContaining({ type: 'unauthenticated' });

let tokens: AccessTokens;
let token: string;

beforeEach(() => {
  tokens = new AccessTokens(new JwtService(accessTokenOptions(settings)), settings);
  token = tokens.sign(user, randomUUID());
});
afterEach(() => jest.useRealTimers());

const withPayload = (payload: object) => {
  const [header, , signature] = token.split('.');
  return [header, Buffer.from(JSON.stringify(payload)).toString('base64url'), signature].join('.');
};

it('remembers a genuine token, and what it says', () => {
  const claims = tokens.verify(token);
  expect(claims).toMatchObject({ sub: user.id, role: 'user' });
  expect(tokens.verify(token)).toBe(claims);
});

it('does not take a remembered token for good after its end', () => {
  const { exp } = tokens.verify(token);
  jest.useFakeTimers({ now: exp * 1000 - 1 });
  expect(tokens.verify(token).exp).toBe(exp);
  jest.setSystemTime(exp * 1000);
  expect(() => tokens.verify(token)).toThrow(refusal);
});

it('does not take another token for good because it bears the signature of a remembered one', () => {
  const claims = tokens.verify(token);
  expect(() => tokens.verify(withPayload({ ...claims, role: 'admin' }))).toThrow(refusal);
  expect(() => tokens.verify(token.slice(token.lastIndexOf('.')))).toThrow(refusal);
});

it('knows a token of which it remembers nothing any more', () => {
  const { sub } = tokens.verify(token);
  for (let other = 0; other < 5001; other += 1) tokens.verify(tokens.sign(user, randomUUID()));
  expect(tokens.verify(token).sub).toBe(sub);
});
