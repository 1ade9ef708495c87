import { Injectable } from '@nestjs/common';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { AppError } from '../../common/errors.js';
import { Settings } from '../../config/settings.js';
import type { Passkey } from './passkey.entity.js';
import { NewPasskey, Passkeys, PasskeyUse } from './passkeys.js';
import { Ceremony, CeremonyOf, CHALLENGE_SECONDS, WebAuthnChallenges } from './webauthn-challenges.js';

/** The JSON of a credential, as a client sent it: anything. */
export type CredentialJson = Record<string, unknown>;

// Loaded at the first use, because it costs 25 MB of memory.
const library = () => import('@simplewebauthn/server');
const helpers = () => import('@simplewebauthn/server/helpers');

/** EdDSA, ES256, RS256. Fixed, because the library's list differs by the release of Node. */
const ALGORITHMS = [-8, -7, -257];
const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']);
const CREDENTIAL_ID = /^[A-Za-z0-9_-]{1,1364}$/;
const TIMEOUT_MS = CHALLENGE_SECONDS * 1000;

/** The ceremonies of WebAuthn Level 3 (§7). The library checks signatures, origin, RP ID and flags; this class the rest. */
@Injectable()
export class WebAuthn {
  constructor(
    private readonly settings: Settings,
    private readonly challenges: WebAuthnChallenges,
    private readonly passkeys: Passkeys,
  ) {}

  /** @param exclude the passkeys that the user has already */
  async creationOptions(
    ceremony: CeremonyOf<'sign_up' | 'add'>,
    user: { email: string; name: string },
    exclude: Passkey[] = [],
  ): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const { generateRegistrationOptions } = await library();
    const options = await generateRegistrationOptions({
      rpName: 'Meetinity',
      rpID: this.settings.webauthn.rpId,
      userID: bytesOf(ceremony.userId),
      userName: user.email,
      userDisplayName: user.name,
      attestationType: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
      timeout: TIMEOUT_MS,
      excludeCredentials: exclude.map(toDescriptor),
    });
    await this.challenges.save(options.challenge, ceremony);
    return options;
  }

  /** @param allow passkeys of the user; none lets the browser offer all that it knows */
  async requestOptions(
    ceremony: CeremonyOf<'authenticate' | 'mfa'>,
    allow: Passkey[] = [],
  ): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await library();
    const options = await generateAuthenticationOptions({
      rpID: this.settings.webauthn.rpId,
      userVerification: 'required',
      timeout: TIMEOUT_MS,
      allowCredentials: allow.map(toDescriptor),
    });
    await this.challenges.save(options.challenge, ceremony);
    return options;
  }

  /** @throws AppError `invalid_code` */
  async verifyCreation<P extends 'sign_up' | 'add'>(
    credential: CredentialJson,
    purpose: P,
  ): Promise<{ ceremony: CeremonyOf<P>; passkey: NewPasskey }> {
    const { ceremony, challenge } = await this.consumeChallenge(credential, purpose);
    const passkey = ceremony && (await this.readCreation(credential, challenge).catch(() => null));
    // A stored credential would fail at the insert too, but a sign-up may insert only after its answer.
    if (!passkey || (await this.passkeys.find({ credentialId: passkey.credentialId })))
      throw new AppError('invalid_code');
    return { ceremony, passkey };
  }

  /**
   * @param isExpected decides before the signature is checked, as for a passkey of another account
   * @throws AppError `invalid_passkey`
   */
  async verifyAssertion<P extends 'authenticate' | 'mfa'>(
    credential: CredentialJson,
    purpose: P,
    isExpected: (ceremony: CeremonyOf<P>, passkey: Passkey) => boolean = () => true,
  ): Promise<PasskeyUse> {
    const { ceremony, challenge } = await this.consumeChallenge(credential, purpose);
    const { id } = credential;
    const known = ceremony && typeof id === 'string' && CREDENTIAL_ID.test(id);
    const passkey = known ? await this.passkeys.find({ credentialId: id }) : null;
    if (!passkey || !isExpected(ceremony!, passkey)) throw this.refused();
    const use = await this.readAssertion(credential, challenge, passkey, purpose).catch(() => null);
    if (!use) throw this.refused();
    return use;
  }

  /** Like `verifyAssertion`, and records the use. */
  async consumeAssertion<P extends 'authenticate' | 'mfa'>(
    credential: CredentialJson,
    purpose: P,
    isExpected: (ceremony: CeremonyOf<P>, passkey: Passkey) => boolean,
  ): Promise<Passkey> {
    const use = await this.verifyAssertion(credential, purpose, isExpected);
    if (!(await this.passkeys.recordUse(use))) throw this.refused();
    return use.passkey;
  }

  /** One error for all causes: unknown, unconfirmed and disabled accounts look alike. */
  refused(): AppError {
    const message = 'The passkey is not valid here, or the address is not confirmed yet';
    return new AppError('invalid_passkey', this.settings.requireEmailVerification ? { message } : {});
  }

  private async consumeChallenge<P extends Ceremony['purpose']>(credential: CredentialJson, purpose: P) {
    const { challenge, crossOrigin, topOrigin } = clientDataOf(credential);
    if (typeof challenge !== 'string') return { ceremony: null, challenge: '' };
    const ceremony = await this.challenges.consume(challenge, purpose);
    // Not checked by the library in all cases: a page in a frame must not be able to run a ceremony.
    return { ceremony: crossOrigin || topOrigin ? null : ceremony, challenge };
  }

  /** Errors of the library quote the client's input, so they go no further than to the callers above. */
  private async readCreation(credential: CredentialJson, challenge: string): Promise<NewPasskey | null> {
    const response = credential as unknown as RegistrationResponseJSON;
    const { decodeAttestationObject, isoBase64URL } = await helpers();
    const attestation = decodeAttestationObject(isoBase64URL.toBuffer(response.response.attestationObject));
    // The options ask for none. For other formats the library fetches addresses that the attestation names (SSRF).
    if (attestation.get('fmt') !== 'none') return null;
    const { verifyRegistrationResponse } = await library();
    const { rpId, origins } = this.settings.webauthn;
    const { registrationInfo: info } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origins,
      expectedRPID: rpId,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!info || !CREDENTIAL_ID.test(info.credential.id)) return null;
    const transports: unknown[] = Array.isArray(response.response.transports) ? response.response.transports : [];
    return {
      credentialId: info.credential.id,
      publicKey: Buffer.from(info.credential.publicKey).toString('base64url'),
      counter: info.credential.counter,
      transports: [...new Set(transports as string[])].filter((transport) => TRANSPORTS.has(transport)),
      backupEligible: info.credentialDeviceType === 'multiDevice',
      backedUp: info.credentialBackedUp,
      rpId,
    };
  }

  private async readAssertion(credential: CredentialJson, challenge: string, passkey: Passkey, purpose: string) {
    const response = credential as unknown as AuthenticationResponseJSON;
    const { rpId, origins } = this.settings.webauthn;
    const { verifyAuthenticationResponse } = await library();
    const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origins,
      expectedRPID: rpId,
      requireUserVerification: true,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(passkey.publicKey),
        counter: passkey.counter,
      },
    });
    // WebAuthn Level 3 §7.2, steps 6 and 17: left to the caller by the library.
    const handle = response.response.userHandle ?? (purpose === 'mfa' ? undefined : '');
    const isOwner = handle === undefined || handle === Buffer.from(bytesOf(passkey.userId)).toString('base64url');
    const isEligible = info.credentialDeviceType === 'multiDevice';
    if (!verified || !isOwner || isEligible !== passkey.backupEligible) return null;
    return { passkey, counter: info.newCounter, backedUp: info.credentialBackedUp };
  }
}

/** Methods of an authentication with a passkey (RFC 8176): a synced key is in software, a device-bound one in hardware. */
export const passkeyAuthentication = ({ backupEligible }: Pick<Passkey, 'backupEligible'>) =>
  ({ amr: [backupEligible ? 'swk' : 'hwk', 'user', 'mfa'], acr: 'aal2' }) as const;

const toDescriptor = ({ credentialId, transports }: Passkey) => ({ id: credentialId, transports });

/** The user handle: the account's id as 16 bytes. */
const bytesOf = (uuid: string) => new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));

/** @returns an empty object where it cannot be read */
function clientDataOf({ response }: CredentialJson): Record<string, unknown> {
  try {
    const { clientDataJSON } = response as { clientDataJSON: string };
    const data: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString());
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
