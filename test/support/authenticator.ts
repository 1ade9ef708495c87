import { createHash, generateKeyPairSync, KeyObject, randomBytes, sign } from 'node:crypto';
import { encodeCBOR } from '@levischuck/tiny-cbor';
import { member as register } from './accounts.js';
import type { Answer, Member, TestApp } from './app.js';

/** Of the test environment: `PUBLIC_BASE_URL` is `http://localhost:8081`. */
export const ORIGIN = 'http://localhost:8081';
const RP_ID = 'localhost';
const [UP, UV, BE, BS, AT] = [1, 4, 8, 16, 64];

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest();
const base64url = (data: Uint8Array) => Buffer.from(data).toString('base64url');

export interface Changes {
  clientData?: Record<string, unknown>;
  rpId?: string;
  flags?: number;
  counter?: number;
  userHandle?: string | null;
  fmt?: string;
  attStmt?: Map<string, unknown>;
}

type Options = any;

/** An authenticator without a browser (WebAuthn Level 3 §6): one passkey, user verification always done. */
export class Authenticator {
  readonly id = randomBytes(32);
  counter = 0;
  userHandle = '';
  private readonly key: { privateKey: KeyObject; publicKey: KeyObject };

  /** @param algorithm COSE: -7 ES256, -8 EdDSA, -257 RS256, and -35 (ES384), which is not offered */
  constructor(
    readonly synced = false,
    readonly algorithm: -7 | -8 | -257 | -35 = -7,
  ) {
    if (algorithm === -8) this.key = generateKeyPairSync('ed25519');
    else if (algorithm === -257) this.key = generateKeyPairSync('rsa', { modulusLength: 2048 });
    else this.key = generateKeyPairSync('ec', { namedCurve: algorithm === -7 ? 'P-256' : 'P-384' });
  }

  create(options: Options, changes: Changes = {}) {
    this.userHandle = options.user.id;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const data = Buffer.concat([this.data(changes, AT), Buffer.alloc(16), length, this.id, this.cose()]);
    const attestation = new Map<string, unknown>([
      ['fmt', changes.fmt ?? 'none'],
      ['attStmt', changes.attStmt ?? new Map()],
      ['authData', new Uint8Array(data)],
    ]);
    return this.wrap({
      clientDataJSON: base64url(this.clientData('webauthn.create', options, changes)),
      attestationObject: base64url(encodeCBOR(attestation as never)),
      transports: ['internal', 'hybrid'],
    });
  }

  get(options: Options, changes: Changes = {}) {
    this.counter += 1;
    const data = this.data(changes, 0);
    const clientData = this.clientData('webauthn.get', options, changes);
    const hash = { [-7]: 'sha256', [-257]: 'sha256', [-35]: 'sha384', [-8]: null }[this.algorithm];
    const signature = sign(hash, Buffer.concat([data, sha256(clientData)]), this.key.privateKey);
    const userHandle = changes.userHandle === undefined ? this.userHandle : (changes.userHandle ?? undefined);
    return this.wrap({
      clientDataJSON: base64url(clientData),
      authenticatorData: base64url(data),
      signature: base64url(signature),
      userHandle,
    });
  }

  private wrap(response: object) {
    const id = base64url(this.id);
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }

  private clientData(type: string, { challenge }: Options, { clientData }: Changes): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: ORIGIN, crossOrigin: false, ...clientData }));
  }

  private data({ rpId = RP_ID, flags, counter = this.counter }: Changes, extra: number): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const usual = UP | UV | (this.synced ? BE | BS : 0);
    return Buffer.concat([sha256(rpId), Buffer.from([(flags ?? usual) | extra]), count]);
  }

  private cose(): Uint8Array {
    const jwk = this.key.publicKey.export({ format: 'jwk' });
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));
    const map = new Map<number, number | Uint8Array>();
    const set = (...entries: [number, number | Uint8Array][]) =>
      entries.forEach(([name, value]) => map.set(name, value));
    if (jwk.kty === 'OKP') set([1, 1], [3, -8], [-1, 6], [-2, bytes(jwk.x!)]);
    else if (jwk.kty === 'RSA') set([1, 3], [3, -257], [-1, bytes(jwk.n!)], [-2, bytes(jwk.e!)]);
    else
      set([1, 2], [3, this.algorithm], [-1, this.algorithm === -7 ? 1 : 2], [-2, bytes(jwk.x!)], [-3, bytes(jwk.y!)]);
    return encodeCBOR(map as never);
  }
}

export const FLAGS = { UP, UV, BE, BS };

/** An access token whose authentication with the passkey is recent. */
export async function reauthenticateByPasskey(service: TestApp, access: string, authenticator: Authenticator) {
  const credential = authenticator.get(await signInOptions(service));
  return service.post('/auth/reauthenticate', { credential }, access);
}

/** Adds a passkey to a signed-in member whose address is confirmed; the answer of `POST /users/passkeys`. */
export async function addPasskey(service: TestApp, member: Member, authenticator: Authenticator, changes?: Changes) {
  const { body } = await service.post('/users/passkeys/options', undefined, member.access);
  const credential = authenticator.create(body.options, changes);
  return service.post('/users/passkeys', { credential }, member.access);
}

/** A member with a passkey, and an access token of it: what changes factors needs the passkey from here on. */
export async function passkeyMember(service: TestApp) {
  const [owner, authenticator] = [await register(service, true), new Authenticator()];
  const recoveryCodes: string[] = (await addPasskey(service, owner, authenticator)).body.recovery_codes;
  const { body } = await reauthenticateByPasskey(service, owner.access, authenticator);
  return { member: { ...owner, access: body.access_token as string }, authenticator, recoveryCodes };
}

export const signInOptions = async (service: TestApp) => (await service.post('/auth/passkeys/options')).body.options;

export async function signInByPasskey(
  service: TestApp,
  authenticator: Authenticator,
  changes?: Changes,
): Promise<Answer> {
  const credential = authenticator.get(await signInOptions(service), changes);
  return service.post('/auth/passkeys/login', { credential });
}

/** Creates an account with a passkey. */
export async function signUpByPasskey(
  service: TestApp,
  email: string,
  authenticator: Authenticator,
  changes?: Changes,
) {
  const { body } = await service.post('/auth/passkeys/register/options', { email, name: 'Ada Example' });
  return service.post('/auth/passkeys/register', { credential: authenticator.create(body.options, changes) });
}
