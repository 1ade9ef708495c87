import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { Settings } from '../../config/settings.js';
import type { Passkey } from './passkey.entity.js';
import type { NewPasskey, PasskeyUse } from './passkeys.js';

type RelyingParty = Settings['webauthn'];

/** The JSON of a credential, as a client sent it: anything. */
export type CredentialJson = Record<string, unknown>;

// Loaded at the first use, because it costs 25 MB of memory.
export const library = () => import('@simplewebauthn/server');
const helpers = () => import('@simplewebauthn/server/helpers');

/** EdDSA, ES256, RS256. Fixed, because the library's list differs by the release of Node. */
export const ALGORITHMS = [-8, -7, -257];
const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']);
export const CREDENTIAL_ID = /^[A-Za-z0-9_-]{1,1364}$/;

/**
 * Of the public key and the extensions; a key of RSA with 4096 bits has 528. Each byte can be an item of CBOR, for which the
 * library takes the event loop 5 µs in all.
 */
const MAX_CBOR_BYTES = 1024;
/** With 1023 bytes for the id of the credential (WebAuthn Level 3 §6.5.1). */
const MAX_ATTESTATION_BYTES = MAX_CBOR_BYTES + 1200;

/** @param data authenticator data (WebAuthn Level 3 §6.1), where bit 6 of the flags tells of a public key, after its id */
const hasLittleCbor = (data: Uint8Array) =>
  data.length - (data[32]! & 0x40 ? 55 + data[53]! * 256 + data[54]! : 37) <= MAX_CBOR_BYTES;

/** The user handle: the account's id as 16 bytes. */
export const bytesOf = (uuid: string) => new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));

/** @returns an empty object where it cannot be read */
export function clientDataOf({ response }: CredentialJson): Record<string, unknown> {
  try {
    const { clientDataJSON } = response as { clientDataJSON: string };
    const data: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString());
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * A new credential, null where the response is not genuine. The errors that it throws quote the client's input: do not pass them on.
 */
export async function readCreation(
  credential: CredentialJson,
  challenge: string,
  { rpId, origins }: RelyingParty,
): Promise<NewPasskey | null> {
  const response = credential as unknown as RegistrationResponseJSON;
  const { decodeAttestationObject, isoBase64URL } = await helpers();
  const object = isoBase64URL.toBuffer(response.response.attestationObject);
  if (object.length > MAX_ATTESTATION_BYTES) return null;
  const attestation = decodeAttestationObject(object);
  // The options ask for none. For other formats the library fetches addresses that the attestation names (SSRF).
  if (attestation.get('fmt') !== 'none' || !hasLittleCbor(attestation.get('authData'))) return null;
  const { verifyRegistrationResponse } = await library();
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

/** Like `readCreation`, of the use of a stored passkey; null also where its signature or its owner is wrong. */
export async function readAssertion(
  credential: CredentialJson,
  challenge: string,
  passkey: Passkey,
  purpose: string,
  { rpId, origins }: RelyingParty,
): Promise<PasskeyUse | null> {
  const response = credential as unknown as AuthenticationResponseJSON;
  const { isoBase64URL } = await helpers();
  if (!hasLittleCbor(isoBase64URL.toBuffer(response.response.authenticatorData))) return null;
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
