import { createSecretKey, KeyObject, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type JwtModuleOptions, JwtService } from '@nestjs/jwt';
import { isUUID } from 'class-validator';
import { AppError } from '../common/errors.js';
import { Settings } from '../config/settings.js';

/** Claims of an access token (RFC 7519). No `aud`: the platform's gateway refuses tokens that carry one. */
export interface AccessClaims {
  sub: string;
  user_id: string;
  email: string;
  name: string;
  role: string;
  sid: string;
  jti: string;
  iat: number;
  exp: number;
}

/** Tokens remembered as genuine, about a kilobyte each. */
const MOST_KNOWN = 5000;

const signatureOf = (token: string) => token.slice(token.lastIndexOf('.'));

interface TokenSubject {
  id: string;
  email: string;
  name: string;
  role: string;
}

/** A string secret would be turned into a key on every call: fifty times the cost of the signature itself. */
const toKey = (secret: string): KeyObject => createSecretKey(Buffer.from(secret));

/** Said once for all tokens: options given with each one are merged anew each time, a tenth of the cost of the signature. */
export function accessTokenOptions({ jwt: { secret, accessSeconds } }: Settings): JwtModuleOptions {
  return {
    secret: toKey(secret) as never,
    signOptions: { algorithm: 'HS256', expiresIn: accessSeconds },
    verifyOptions: { algorithms: ['HS256'] },
  };
}

/** Signs and checks access tokens, HS256. */
@Injectable()
export class AccessTokens {
  private readonly keys: KeyObject[];
  readonly lifetime: number;
  // A token comes with request after request, and whether it is genuine never changes; whether it is expired does. By
  // signature, the shortest part that tells tokens apart.
  private readonly known = new Map<string, { token: string; claims: Readonly<AccessClaims> }>();

  constructor(
    private readonly jwt: JwtService,
    { jwt: { secret, previousSecret, accessSeconds } }: Settings,
  ) {
    const secrets = previousSecret ? [secret, previousSecret] : [secret];
    this.keys = secrets.map(toKey);
    this.lifetime = accessSeconds;
  }

  sign(user: TokenSubject, sessionId: string): string {
    const { id, email, name, role } = user;
    return this.jwt.sign({ sub: id, user_id: id, email, name, role, sid: sessionId, jti: randomUUID() });
  }

  /** @throws AppError `unauthenticated` for a token that is forged, malformed or expired */
  verify(token: string): Readonly<AccessClaims> {
    const known = this.known.get(signatureOf(token));
    if (known?.token === token && known.claims.exp * 1000 > Date.now()) return known.claims;
    for (const key of this.keys) {
      try {
        const claims = this.jwt.verify<AccessClaims>(token, { secret: key as never });
        if (isUUID(claims.sid) && isUUID(claims.sub)) return this.remember(token, claims);
      } catch {
        // The next key may have signed it.
      }
    }
    throw new AppError('unauthenticated');
  }

  private remember(token: string, claims: AccessClaims): AccessClaims {
    if (this.known.size >= MOST_KNOWN) this.known.delete(this.known.keys().next().value!);
    this.known.set(signatureOf(token), { token, claims });
    return claims;
  }
}
