import { JwtService } from '@nestjs/jwt';
import { AccessTokens, accessTokenOptions } from '../../src/auth/access-tokens.js';
import type { Settings } from '../../src/config/settings.js';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { RefreshTokens } from '../../src/sessions/refresh-tokens.js';

interface Subject {
  id: string;
  email: string;
  name: string;
  role: string;
}

/** Makes the tokens that the service would have given for the first step of a session. */
export function tokenMaker(settings: Settings) {
  const ring = new KeyRing(settings);
  const accessTokens = new AccessTokens(new JwtService(accessTokenOptions(settings)), ring, settings);
  const refreshTokens = new RefreshTokens(settings, ring);
  return (user: Subject, sessionId: string) => ({
    access: accessTokens.sign(user, sessionId, settings.jwt.refreshSeconds).token,
    refresh: refreshTokens.make(sessionId, 0),
  });
}
