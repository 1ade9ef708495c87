import type { SigningKeys } from '../../src/auth/keys/signing-keys.js';
import type { Settings } from '../../src/config/settings.js';

interface Subject {
  id: string;
  email: string;
  name: string;
  role: string;
}

const now = () => ({ authTime: Math.floor(Date.now() / 1000), amr: ['pwd'], acr: 'aal1' }) as const;

/** Makes the first tokens of a session like the service. */
export async function tokenMaker(settings: Settings) {
  // Loaded here, so that `--help` does not wait for NestJS.
  const { JwtService } = await import('@nestjs/jwt');
  const { AccessTokens, accessTokenOptions } = await import('../../src/auth/tokens/access-tokens.js');
  const { KeyRing } = await import('../../src/crypto/key-ring.js');
  const { RefreshTokens } = await import('../../src/sessions/refresh-tokens.js');
  const ring = new KeyRing(settings);
  const accessTokens = new AccessTokens(
    new JwtService(accessTokenOptions(settings)),
    ring,
    {} as SigningKeys,
    settings,
  );
  const refreshTokens = new RefreshTokens(settings, ring);
  return (user: Subject, sessionId: string) => ({
    access: accessTokens.sign(user, sessionId, settings.jwt.refreshSeconds, now()).token,
    refresh: refreshTokens.make(sessionId, 0),
  });
}
