import type { Passkey } from './passkey.entity.js';
import { readAssertion, readCreation } from './webauthn-responses.js';

const PARTY = { rpId: 'localhost', origins: ['http://localhost:8081'] };
const [AT, ED] = [64, 128];
const LIST_ENTRIES = 11_000;

const base64url = (data: Uint8Array | string) => Buffer.from(data).toString('base64url');
const clientData = (type: string) =>
  base64url(JSON.stringify({ type, challenge: 'AAAA', origin: PARTY.origins[0], crossOrigin: false }));

/** A list of so many texts without characters, each a single byte of CBOR. */
const list = Buffer.concat([
  Buffer.from([0x99, LIST_ENTRIES >> 8, LIST_ENTRIES & 255]),
  Buffer.alloc(LIST_ENTRIES, 0x60),
]);

/** @param after the flags and the counter */
function authenticatorData(flag: number, ...after: Buffer[]): Buffer {
  return Buffer.concat([Buffer.alloc(32), Buffer.from([1 | 4 | flag]), Buffer.alloc(4), ...after]);
}

function attestation(data: Buffer): Buffer {
  const length = Buffer.from([0x59, data.length >> 8, data.length & 255]);
  return Buffer.concat([Buffer.from('a363666d74646e6f6e656761747453746d74a0686175746844617461', 'hex'), length, data]);
}

const keyOf = (cbor: Buffer) => authenticatorData(AT, Buffer.alloc(16), Buffer.from([0, 2, 0x60, 0x60]), cbor);

describe('a response of thousands of CBOR items, which would take the event loop a tenth of a second', () => {
  it.each([
    ['in the attestation object', list],
    ['in the public key', attestation(keyOf(list))],
    ['in the extensions', attestation(authenticatorData(ED, list))],
  ])('is refused before it is decoded: %s of a new passkey', async (_, object) => {
    const response = { attestationObject: base64url(object), clientDataJSON: clientData('webauthn.create') };
    const credential = { id: 'AA', rawId: 'AA', type: 'public-key', response };
    expect(await readCreation(credential, 'AAAA', PARTY as never)).toBeNull();
  });

  it.each([
    ['in the extensions', authenticatorData(ED, list)],
    ['in a public key', keyOf(list)],
  ])('is refused before it is decoded: %s of a sign-in', async (_, data) => {
    const response = {
      authenticatorData: base64url(data),
      clientDataJSON: clientData('webauthn.get'),
      signature: 'AA',
    };
    const credential = { id: 'AA', rawId: 'AA', type: 'public-key', clientExtensionResults: {}, response };
    const passkey = { credentialId: 'AA', publicKey: Buffer.alloc(9), counter: 0 } as Passkey;
    expect(await readAssertion(credential, 'AAAA', passkey, 'authenticate', PARTY as never)).toBeNull();
  });
});
