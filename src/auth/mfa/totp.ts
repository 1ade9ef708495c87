const PERIOD_SECONDS = 30;
const SECRET_BYTES = 20;

// Loaded at the first use, which most requests never reach.
const library = () => import('otpauth');

/** A new secret in base32, and the `otpauth:` URI that an authenticator app reads as a QR code. */
export async function newTotpSecret(label: string): Promise<{ secret: string; uri: string }> {
  const { Secret, TOTP } = await library();
  const totp = new TOTP({ issuer: 'Meetinity', label, secret: new Secret({ size: SECRET_BYTES }) });
  return { secret: totp.secret.base32, uri: totp.toString() };
}

/** @returns the time step of a code of six digits, at most one step from now; null for a wrong code */
export async function matchTotpStep(secret: string, code: string): Promise<number | null> {
  const token = code.replaceAll(' ', '');
  // The library throws on digits of other scripts.
  if (!/^[0-9]{6}$/.test(token)) return null;
  const { Secret, TOTP } = await library();
  const timestamp = Date.now();
  const delta = new TOTP({ secret: Secret.fromBase32(secret) }).validate({ token, window: 1, timestamp });
  return delta === null ? null : Math.floor(timestamp / 1000 / PERIOD_SECONDS) + delta;
}
