import { Injectable } from '@nestjs/common';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { AppError } from '../../common/errors.js';
import { Settings } from '../../config/settings.js';
import type { Passkey } from './passkey.entity.js';
import { NewPasskey, Passkeys, PasskeyUse } from './passkeys.js';
import { Ceremony, CeremonyOf, CHALLENGE_SECONDS, WebAuthnChallenges } from './webauthn-challenges.js';
import {
  ALGORITHMS,
  bytesOf,
  clientDataOf,
  CREDENTIAL_ID,
  type CredentialJson,
  library,
  readAssertion,
  readCreation,
} from './webauthn-responses.js';

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
    const passkey = ceremony && (await readCreation(credential, challenge, this.settings.webauthn).catch(() => null));
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
    const use = await readAssertion(credential, challenge, passkey, purpose, this.settings.webauthn).catch(() => null);
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
}

/** Methods of an authentication with a passkey (RFC 8176): a synced key is in software, a device-bound one in hardware. */
export const passkeyAuthentication = ({ backupEligible }: Pick<Passkey, 'backupEligible'>) =>
  ({ amr: [backupEligible ? 'swk' : 'hwk', 'user', 'mfa'], acr: 'aal2' }) as const;

const toDescriptor = ({ credentialId, transports }: Passkey) => ({ id: credentialId, transports });
