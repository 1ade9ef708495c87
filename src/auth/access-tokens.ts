import { createSecretKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type JwtModuleOptions, JwtService, TokenExpiredError } from '@nestjs/jwt';
import { isUUID } from 'class-validator';
import { invalidAccessToken } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { KeyRing } from '../crypto/key-ring.js';

/** Claims of an access token (RFC 7519). No `aud`: the platform's gateway refuses tokens that carry one. */
export interface AccessClaims {
  sub: string;
  user_id: string;
  email: string;
  name: string;
  role: string;
  sid: string;
  iat: number;
  exp: number;
  /** A MAC over the other claims, under a key that the gateway does not have. */
  jti: string;
}

/** Tokens remembered as genuine, about a kilobyte each. */
const MAX_KNOWN_ENTRIES = 5000;
const PURPOSE = 'access-token';

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
export function accessTokenOptions({ jwt: { secret } }: Settings): JwtModuleOptions {
  return {
    secret: toKey(secret) as never,
    signOptions: { algorithm: 'HS256' },
    verifyOptions: { algorithms: ['HS256'], complete: true },
  };
}

/** The text that `jti` authenticates: the JSON of all other claims, their names sorted. */
function boundText(claims: object): string {
  const others = Object.entries(claims).filter(([name]) => name !== 'jti');
  return JSON.stringify(Object.fromEntries(others.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Signs and checks access tokens, HS256. */
@Injectable()
export class AccessTokens {
  private readonly keys: KeyObject[];
  private readonly settings: Settings['jwt'];
  // A token comes with request after request, and whether it is genuine never changes; whether it is expired does. By
  // signature, the shortest part that tells tokens apart.
  private readonly known = new Map<string, { token: string; claims: Readonly<AccessClaims> }>();

  constructor(
    private readonly jwt: JwtService,
    private readonly ring: KeyRing,
    { jwt: settings }: Settings,
  ) {
    const { secret, previousSecret } = settings;
    const secrets = previousSecret ? [secret, previousSecret] : [secret];
    this.keys = secrets.map(toKey);
    this.settings = settings;
  }

  /** @param sessionSeconds how long the session lives: no access token outlives it */
  sign(user: TokenSubject, sessionId: string, sessionSeconds: number): { token: string; expiresIn: number } {
    const { id, email, name, role } = user;
    const iat = Math.floor(Date.now() / 1000);
    const expiresIn = Math.min(this.settings.accessSeconds, sessionSeconds);
    const claims = { sub: id, user_id: id, email, name, role, sid: sessionId, iat, exp: iat + expiresIn };
    const jti = this.ring.sign(PURPOSE, boundText(claims)).toString('base64url');
    return { token: this.jwt.sign({ ...claims, jti }), expiresIn };
  }

  /** @throws AppError `unauthenticated` for a token that is forged, malformed or expired */
  verify(token: string): Readonly<AccessClaims> {
    const known = this.known.get(signatureOf(token));
    if (known?.token === token && known.claims.exp * 1000 > Date.now()) return known.claims;
    let expired = false;
    for (const key of this.keys) {
      try {
        const { header, payload } = this.jwt.verify<{ header: object; payload: AccessClaims }>(token, {
          secret: key as never,
        });
        // The library takes a token without an end, and one whose header demands what it does not know (RFC 7515 §4.1.11).
        const whole = !('crit' in header) && Number.isInteger(payload.exp) && payload.user_id === payload.sub;
        if (whole && isUUID(payload.sid) && isUUID(payload.sub) && this.isOurs(payload))
          return this.remember(token, payload);
      } catch (error) {
        // The next key may have signed it.
        expired ||= error instanceof TokenExpiredError;
      }
    }
    throw invalidAccessToken(!expired);
  }

  /** The signature alone does not say so: the gateway holds the secret too. */
  private isOurs(claims: AccessClaims): boolean {
    const { jti, iat, exp } = claims;
    if (typeof jti === 'string' && this.ring.verify(PURPOSE, boundText(claims), Buffer.from(jti, 'base64url')))
      return true;
    return this.settings.binding === 'accept' && exp - iat <= this.settings.accessSeconds;
  }

  private remember(token: string, claims: AccessClaims): AccessClaims {
    if (this.known.size >= MAX_KNOWN_ENTRIES) this.known.delete(this.known.keys().next().value!);
    this.known.set(signatureOf(token), { token, claims });
    return claims;
  }
}
