import { createSecretKey, KeyObject, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type JwtModuleOptions, JwtService } from '@nestjs/jwt';
import { isUUID } from 'class-validator';
import { invalidAccessToken } from '../../common/errors.js';
import type { Authentication } from '../../common/http/request-context.js';
import { Settings } from '../../config/settings.js';
import { KeyRing } from '../../crypto/key-ring.js';
import { SigningKeys } from '../keys/signing-keys.js';

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
  /** Under HS256 a MAC of the other claims, with a key that the gateway does not have; under ES256 random. */
  jti: string;
}

interface TokenHeader {
  alg?: unknown;
  /** Only under ES256. */
  kid?: string;
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
    verifyOptions: { algorithms: ['HS256'], ignoreExpiration: true },
  };
}

/** The text that `jti` authenticates: JSON of the other claims, sorted by name. */
function boundText(claims: object): string {
  const others = Object.entries(claims).filter(([name]) => name !== 'jti');
  return JSON.stringify(Object.fromEntries(others.sort(([a], [b]) => (a < b ? -1 : 1))));
}

const json = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown;

/** Header and claims, unverified. */
function decode(token: string): { header: TokenHeader; claims: AccessClaims } {
  const [header, claims] = token.split('.');
  try {
    return { header: Object(json(header)), claims: Object(json(claims)) };
  } catch {
    throw invalidAccessToken(true);
  }
}

@Injectable()
export class AccessTokens {
  private readonly keys: KeyObject[];
  private readonly settings: Settings['jwt'];
  private readonly issuer: string;
  // By signature, the shortest unique part. A verified token stays genuine; only its expiry is checked again.
  private readonly verified = new Map<string, { token: string; kid?: string; claims: Readonly<AccessClaims> }>();

  constructor(
    private readonly jwt: JwtService,
    private readonly ring: KeyRing,
    private readonly signingKeys: SigningKeys,
    { jwt: settings, publicBaseUrl }: Settings,
  ) {
    const { secret, previousSecret } = settings;
    const secrets = previousSecret ? [secret, previousSecret] : [secret];
    this.keys = secrets.map(toKey);
    this.settings = settings;
    this.issuer = publicBaseUrl;
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
    const exp = iat + expiresIn;
    // Sorted by name, as `boundText` has them: sorting here would cost three times the MAC.
    const claims = { acr, amr, auth_time: authTime, email, exp, iat, name, role, sid: sessionId, sub: id, user_id: id };
    if (this.settings.algorithm === 'ES256')
      return { token: this.signingKeys.sign({ iss: this.issuer, ...claims, jti: randomUUID() }), expiresIn };
    const jti = this.ring.sign(PURPOSE, JSON.stringify(claims)).toString('base64url');
    return { token: this.jwt.sign({ ...claims, jti }), expiresIn };
  }

  /** @throws AppError `unauthenticated` for a token that is forged, malformed or expired */
  verify(token: string): Readonly<AccessClaims> {
    const known = this.verified.get(signatureOf(token));
    const isCurrent = known?.token === token && known.claims.exp * 1000 > Date.now();
    if (isCurrent && (known.kid === undefined || this.signingKeys.has(known.kid))) return known.claims;
    const { header, claims } = decode(token);
    const isSigned =
      header.alg === 'ES256' ? this.signingKeys.isSignedBy(header.kid, token) : this.isSignedBySecret(token);
    // `crit` names headers that a verifier has to understand (RFC 7515 §4.1.11); none is understood here.
    const isWhole = !('crit' in header) && Number.isInteger(claims.exp) && claims.user_id === claims.sub;
    if (!isSigned || !isWhole || !isUUID(claims.sid) || !isUUID(claims.sub)) throw invalidAccessToken(true);
    const trusted = header.alg === 'ES256' || this.isBound(claims) ? claims : this.acceptUnbound(claims);
    if (claims.exp * 1000 <= Date.now()) throw invalidAccessToken();
    return this.cacheVerified(token, header.kid, trusted);
  }

  private isSignedBySecret(token: string): boolean {
    return this.keys.some((key) => {
      try {
        return this.jwt.verify(token, { secret: key as never }) !== undefined;
      } catch {
        return false;
      }
    });
  }

  /** The signature alone proves nothing: the gateway has the secret too. */
  private isBound(claims: AccessClaims): boolean {
    const { jti } = claims;
    return typeof jti === 'string' && this.ring.verify(PURPOSE, boundText(claims), Buffer.from(jti, 'base64url'));
  }

  /** Tokens of the earlier release do not say how the user signed in, so such claims are forged. */
  private acceptUnbound(claims: AccessClaims): AccessClaims {
    const accepts = this.settings.binding === 'accept' && claims.exp - claims.iat <= this.settings.accessSeconds;
    if (!accepts) throw invalidAccessToken(true);
    return { ...claims, auth_time: 0, amr: [], acr: 'aal1' };
  }

  private cacheVerified(token: string, kid: string | undefined, claims: AccessClaims): AccessClaims {
    if (this.verified.size >= MAX_KNOWN_ENTRIES) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(signatureOf(token), { token, kid, claims });
    return claims;
  }
}
