import { randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import type { Settings } from '../config/settings.js';
import { KeyRing } from '../crypto/key-ring.js';
import { AccessTokens, accessTokenOptions } from './access-tokens.js';

const keyOf = (kid: string) => ({ kid, key: Buffer.alloc(32, kid) });
const settingsWith = (...kids: string[]) =>
  ({
    jwt: { secret: 'a secret of this spec', previousSecret: null, accessSeconds: 3600, binding: 'require' },
    encryptionKeys: kids.map(keyOf),
  }) as unknown as Settings;
const tokensWith = (...kids: string[]) => {
  const settings = settingsWith(...kids);
  return new AccessTokens(new JwtService(accessTokenOptions(settings)), new KeyRing(settings), settings);
};
const user = { id: randomUUID(), email: 'ada@example.com', name: 'Ada', role: 'user' };

const authentication = { authTime: 1_795_000_000, amr: ['pwd'], acr: 'aal1' } as const;

const refusal = expect.objectContaining({ type: 'unauthenticated' });

let tokens: AccessTokens;
let token: string;

beforeEach(() => {
  tokens = tokensWith('k1');
  token = signed();
});
afterEach(() => jest.useRealTimers());

const signed = () => tokens.sign(user, randomUUID(), 7200, authentication).token;

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
  for (let other = 0; other < 5001; other += 1) tokens.verify(signed());
  expect(tokens.verify(token).sub).toBe(sub);
});

it('is good under every key of the list, and no longer once its key has left it', () => {
  expect(tokensWith('k2', 'k1').verify(token).sub).toBe(user.id);
  expect(() => tokensWith('k2').verify(token)).toThrow(refusal);
});

it('ends with the session at the latest', () => {
  expect(tokens.sign(user, randomUUID(), 7200, authentication).expiresIn).toBe(3600);
  const { token: last, expiresIn } = tokens.sign(user, randomUUID(), 90, authentication);
  const { iat, exp } = tokens.verify(last);
  expect([expiresIn, exp - iat]).toEqual([90, 90]);
});
