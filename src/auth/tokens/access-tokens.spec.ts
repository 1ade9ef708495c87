import { randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import type { Settings } from '../../config/settings.js';
import { KeyRing } from '../../crypto/key-ring.js';
import type { SigningKeys } from '../keys/signing-keys.js';
import { AccessTokens, accessTokenOptions } from './access-tokens.js';

const keyOf = (kid: string) => ({ kid, key: Buffer.alloc(32, kid) });
const settingsWith = (...kids: string[]) =>
  ({
    jwt: { secret: 'a secret of this spec', previousSecret: null, accessSeconds: 3600, binding: 'require' },
    encryptionKeys: kids.map(keyOf),
  }) as unknown as Settings;
const tokensWith = (...kids: string[]) => {
  const settings = settingsWith(...kids);
  return new AccessTokens(
    new JwtService(accessTokenOptions(settings)),
    new KeyRing(settings),
    {} as SigningKeys,
    settings,
  );
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

it('caches the claims of a verified token', () => {
  const claims = tokens.verify(token);
  expect(claims).toMatchObject({ sub: user.id, role: 'user' });
  expect(tokens.verify(token)).toBe(claims);
});

it('refuses a cached token after its expiry', () => {
  const { exp } = tokens.verify(token);
  jest.useFakeTimers({ now: exp * 1000 - 1 });
  expect(tokens.verify(token).exp).toBe(exp);
  jest.setSystemTime(exp * 1000);
  expect(() => tokens.verify(token)).toThrow(refusal);
});

it('refuses another token with the signature of a cached one', () => {
  const claims = tokens.verify(token);
  expect(() => tokens.verify(withPayload({ ...claims, role: 'admin' }))).toThrow(refusal);
  expect(() => tokens.verify(token.slice(token.lastIndexOf('.')))).toThrow(refusal);
});

it('verifies a token that was evicted from the cache', () => {
  const { sub } = tokens.verify(token);
  for (let other = 0; other < 5001; other += 1) tokens.verify(signed());
  expect(tokens.verify(token).sub).toBe(sub);
});

it('accepts a token under every configured key, and refuses it once its key is removed', () => {
  expect(tokensWith('k2', 'k1').verify(token).sub).toBe(user.id);
  expect(() => tokensWith('k2').verify(token)).toThrow(refusal);
});

it('expires no later than the session', () => {
  expect(tokens.sign(user, randomUUID(), 7200, authentication).expiresIn).toBe(3600);
  const { token: last, expiresIn } = tokens.sign(user, randomUUID(), 90, authentication);
  const { iat, exp } = tokens.verify(last);
  expect([expiresIn, exp - iat]).toEqual([90, 90]);
});
