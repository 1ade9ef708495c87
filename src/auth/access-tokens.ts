import { createSecretKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type JwtModuleOptions, JwtService, TokenExpiredError } from '@nestjs/jwt';
import { isUUID } from 'class-validator';
import { invalidAccessToken } from '../common/errors.js';
import type { Authentication } from '../common/http/request-context.js';
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
  auth_time: number;
  amr: readonly string[];
  acr: Authentication['acr'];
  iat: number;
  exp: number;
  /** MAC of the other claims, with a key that the gateway does not have. */
  jti: string;
}

/** Verified tokens, about a kilobyte each. */
const MAX_KNOWN_ENTRIES = 5000;
const PURPOSE = 'access-token';

const signatureOf = (token: string) => token.slice(token.lastIndexOf('.'));

interface TokenSubject {
  id: string;
  email: string;
  name: string;
  role: string;
}

/** A string would be turned into a key on every call, at fifty times the cost of the signature. */
const toKey = (secret: string): KeyObject => createSecretKey(Buffer.from(secret));

/** Set once: merging options per call costs a tenth of the signature. */
export function accessTokenOptions({ jwt: { secret } }: Settings): JwtModuleOptions {
  return {
    secret: toKey(secret) as never,
    signOptions: { algorithm: 'HS256' },
    verifyOptions: { algorithms: ['HS256'], complete: true },
  };
}

/** The text that `jti` authenticates: JSON of the other claims, sorted by name. */
function boundText(claims: object): string {
  const others = Object.entries(claims).filter(([name]) => name !== 'jti');
  return JSON.stringify(Object.fromEntries(others.sort(([a], [b]) => (a < b ? -1 : 1))));
}

@Injectable()
export class AccessTokens {
  private readonly keys: KeyObject[];
  private readonly settings: Settings['jwt'];
  // By signature, the shortest unique part. A verified token stays genuine; only its expiry is checked again.
  private readonly verified = new Map<string, { token: string; claims: Readonly<AccessClaims> }>();

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

  /** @param sessionSeconds until the session expires; the token does not outlive it */
  sign(
    user: TokenSubject,
    sessionId: string,
    sessionSeconds: number,
    { authTime, amr, acr }: Authentication,
  ): { token: string; expiresIn: number } {
    const { id, email, name, role } = user;
    const iat = Math.floor(Date.now() / 1000);
    const expiresIn = Math.min(this.settings.accessSeconds, sessionSeconds);
    const person = { sub: id, user_id: id, email, name, role };
    const claims = { ...person, sid: sessionId, auth_time: authTime, amr, acr, iat, exp: iat + expiresIn };
    const jti = this.ring.sign(PURPOSE, boundText(claims)).toString('base64url');
    return { token: this.jwt.sign({ ...claims, jti }), expiresIn };
  }

  /** @throws AppError `unauthenticated` for a token that is forged, malformed or expired */
  verify(token: string): Readonly<AccessClaims> {
    const known = this.verified.get(signatureOf(token));
    if (known?.token === token && known.claims.exp * 1000 > Date.now()) return known.claims;
    let expired = false;
    for (const key of this.keys) {
      try {
        const { header, payload } = this.jwt.verify<{ header: object; payload: AccessClaims }>(token, {
          secret: key as never,
        });
        // The library accepts a token without `exp`, and one with critical headers (RFC 7515 §4.1.11).
        const whole = !('crit' in header) && Number.isInteger(payload.exp) && payload.user_id === payload.sub;
        if (whole && isUUID(payload.sid) && isUUID(payload.sub) && this.isOurs(payload))
          return this.cacheVerified(token, payload);
      } catch (error) {
        // It may be signed with the next key.
        expired ||= error instanceof TokenExpiredError;
      }
    }
    throw invalidAccessToken(!expired);
  }

  /** The signature alone proves nothing: the gateway has the secret too. */
  private isOurs(claims: AccessClaims): boolean {
    const { jti, iat, exp } = claims;
    if (typeof jti === 'string' && this.ring.verify(PURPOSE, boundText(claims), Buffer.from(jti, 'base64url')))
      return true;
    return this.settings.binding === 'accept' && exp - iat <= this.settings.accessSeconds;
  }

  private cacheVerified(token: string, claims: AccessClaims): AccessClaims {
    if (this.verified.size >= MAX_KNOWN_ENTRIES) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(signatureOf(token), { token, claims });
    return claims;
  }
}
