import { createPrivateKey, KeyObject } from 'node:crypto';
import { EnvReader } from './env-reader.js';

const DAY_SECONDS = 86_400;

/** Placeholders of documentation and examples. */
const EXAMPLE_SECRETS = /your-|example|change-?me|secret-key|placeholder|<.*>/i;

function requireStrong(env: EnvReader, name: string, secret: string): void {
  if (Buffer.byteLength(secret) < 32) return env.fault(`${name} must be at least 32 bytes in production`);
  if (EXAMPLE_SECRETS.test(secret) || new Set(secret).size < 8)
    env.fault(`${name} looks like an example value; make one with: openssl rand -base64 48`);
}

/** The secret that signs, and the previous one, which still verifies and must be as strong. */
function readJwtSecrets(env: EnvReader, production: boolean) {
  const secret = env.text('JWT_SECRET');
  const previousSecret = env.text('JWT_SECRET_PREVIOUS') ?? null;
  if (!secret) env.fault('JWT_SECRET is required');
  else if (production) requireStrong(env, 'JWT_SECRET', secret);
  if (production && previousSecret) requireStrong(env, 'JWT_SECRET_PREVIOUS', previousSecret);
  return { secret: secret ?? '', previousSecret };
}

export interface EncryptionKey {
  /** Key id, written into every ciphertext. */
  kid: string;
  /** 32 bytes. */
  key: Buffer;
}

/** `kid:base64,…`: the first key encrypts, all of them decrypt. */
export function readEncryptionKeys(env: EnvReader, production: boolean): EncryptionKey[] {
  const keys = env.list('ENCRYPTION_KEYS').map((entry) => {
    const match = /^(?<kid>[A-Za-z0-9_-]{1,32}):(?<key>[A-Za-z0-9+/_-]{43}=?)$/.exec(entry);
    const key = Buffer.from(match?.groups?.key ?? '', 'base64');
    if (!match?.groups || key.length !== 32)
      env.fault('ENCRYPTION_KEYS must be a list of kid:key, each key 32 bytes in base64');
    else if (production && new Set(key).size < 8)
      env.fault('ENCRYPTION_KEYS looks like an example value; make a key with: openssl rand -base64 32');
    return { kid: match?.groups?.kid ?? '', key };
  });
  if (keys.length === 0) env.fault('ENCRYPTION_KEYS is required');
  if (new Set(keys.map(({ kid }) => kid)).size !== keys.length)
    env.fault('ENCRYPTION_KEYS names the same key id twice');
  return keys;
}

const PEM = /-----BEGIN (?:EC )?PRIVATE KEY-----[^-]+-----END (?:EC )?PRIVATE KEY-----/g;

/** PEM blocks, one behind the other (line breaks as `\\n` too), or a JWK, a list of them, or a JWK Set. */
function readPrivateKeys(env: EnvReader): KeyObject[] {
  const value = env.text('JWT_PRIVATE_KEYS');
  if (value === undefined) return [];
  try {
    const keys = /^[[{]/.test(value) ? readJwks(JSON.parse(value)) : value.replaceAll('\\n', '\n').match(PEM)!;
    const read = keys.map((key) =>
      createPrivateKey(typeof key === 'string' ? key : { key: key as never, format: 'jwk' }),
    );
    if (read.length > 0 && read.every((key) => key.asymmetricKeyDetails?.namedCurve === 'prime256v1')) return read;
  } catch {
    // The message of the library could hold a part of the key.
  }
  env.fault('JWT_PRIVATE_KEYS must be private keys of the curve P-256, as PEM or JWK');
  return [];
}

function readJwks(json: { keys?: object[] } | object[]): object[] {
  if (Array.isArray(json)) return json;
  return json.keys ?? [json];
}

const PROVIDER_URLS = {
  google: {
    authorizationUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    userinfoUrl: 'https://openidconnect.googleapis.com/v1/userinfo',
  },
  linkedin: {
    authorizationUrl: 'https://www.linkedin.com/oauth/v2/authorization',
    tokenUrl: 'https://www.linkedin.com/oauth/v2/accessToken',
    userinfoUrl: 'https://api.linkedin.com/v2/userinfo',
  },
} as const;

export const PROVIDERS = ['google', 'linkedin'] as const;
export type Provider = (typeof PROVIDERS)[number];

function readProvider(env: EnvReader, provider: Provider, publicBaseUrl: string) {
  const prefix = `OAUTH_${provider.toUpperCase()}`;
  const web = ['http:', 'https:'];
  const credentials = env.pair(`${prefix}_CLIENT_ID`, `${prefix}_CLIENT_SECRET`);
  const urls = PROVIDER_URLS[provider];
  const configured = {
    redirectUri: env.url(`${prefix}_REDIRECT_URI`, web, `${publicBaseUrl}/auth/oauth/${provider}/callback`)!,
    authorizationUrl: env.url(`${prefix}_AUTHORIZATION_URL`, web, urls.authorizationUrl)!,
    tokenUrl: env.url(`${prefix}_TOKEN_URL`, web, urls.tokenUrl)!,
    userinfoUrl: env.url(`${prefix}_USERINFO_URL`, web, urls.userinfoUrl)!,
  };
  if (!credentials) return null;
  const [clientId, clientSecret] = credentials;
  return { clientId, clientSecret, ...configured };
}

/** Schemes that a browser executes or opens itself; those of apps (`meetinity:`) are allowed. */
const DANGEROUS_SCHEMES = /^(javascript|data|vbscript|file|blob|about):$/;

function readRedirects(env: EnvReader): string[] {
  const entries = env.list('OAUTH_REDIRECT_ALLOWLIST');
  for (const entry of entries)
    if (!URL.canParse(entry) || entry.includes('#') || DANGEROUS_SCHEMES.test(new URL(entry).protocol))
      env.fault('OAUTH_REDIRECT_ALLOWLIST must be a list of absolute addresses without a fragment');
  return entries;
}

/** A provider without credentials is null and its routes answer `provider_not_configured`. */
export function readOAuth(env: EnvReader, publicBaseUrl: string) {
  return {
    google: readProvider(env, 'google', publicBaseUrl),
    linkedin: readProvider(env, 'linkedin', publicBaseUrl),
    redirectAllowlist: readRedirects(env),
    /** `page`: behind a gateway that follows redirects itself. */
    start: env.oneOf('OAUTH_START', ['redirect', 'page'], 'redirect'),
    /** Total for the provider's calls of one sign-in; the gateway times out after ten seconds. */
    timeoutMs: env.number('OAUTH_TIMEOUT_MS', 5000, 100, 6000),
  };
}

/** An origin of a page, or of an Android app. */
const isWebAuthnOrigin = (entry: string) =>
  /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(entry) ||
  (/^https?:/.test(entry) && URL.canParse(entry) && new URL(entry).origin === entry);

/** Who passkeys are for (WebAuthn Level 3 §4, RP ID), and where they may be used. */
export function readWebAuthn(env: EnvReader, frontEndUrl: string) {
  const { hostname, origin } = new URL(frontEndUrl);
  const rpId = env.text('WEBAUTHN_RP_ID') ?? hostname;
  if (rpId !== hostname && !/^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(rpId))
    env.fault('WEBAUTHN_RP_ID must be a host name in lower case, such as example.com');
  const origins = env.list('WEBAUTHN_ORIGINS', [origin]);
  if (!origins.every(isWebAuthnOrigin))
    env.fault('WEBAUTHN_ORIGINS must be a list of origins such as https://app.example.com, or android:apk-key-hash:…');
  return { rpId, origins };
}

export function readJwt(env: EnvReader, production: boolean) {
  const hours = env.number('JWT_EXPIRATION_HOURS', 24, 1, 24 * 365);
  const minutes = env.number('JWT_EXPIRATION_MINUTES', hours * 60, 1, 60 * 24 * 365);
  return {
    ...readJwtSecrets(env, production),
    accessSeconds: minutes * 60,
    refreshSeconds: env.number('JWT_REFRESH_EXPIRATION_DAYS', 30, 1, 3650) * DAY_SECONDS,
    /** From the sign-in, however often the session is refreshed. */
    sessionMaxSeconds: env.number('SESSION_MAX_DAYS', 90, 1, 3650) * DAY_SECONDS,
    refreshGraceSeconds: env.number('REFRESH_GRACE_SECONDS', 60, 0, 3600),
    /** `accept` is for a rolling upgrade from releases whose tokens JWT_SECRET alone could forge. */
    binding: env.oneOf('JWT_BINDING', ['require', 'accept'], 'require'),
    /** What signs; both verify. */
    algorithm: env.oneOf('JWT_ALGORITHM', ['HS256', 'ES256'], 'HS256'),
    /** The first content of the table of signing keys; the first key signs. */
    privateKeys: readPrivateKeys(env),
  };
}
