import { Injectable } from '@nestjs/common';
import { tokenHash } from '../../crypto/tokens.js';
import { EphemeralStore } from '../../redis/ephemeral.store.js';

export const CHALLENGE_SECONDS = 300;

/** What a challenge was issued for. */
export type Ceremony =
  | { purpose: 'sign_up'; userId: string; email: string; name: string }
  | { purpose: 'add'; userId: string }
  | { purpose: 'authenticate' }
  /** `mfaToken`: its hash. */
  | { purpose: 'mfa'; mfaToken: string };

export type CeremonyOf<P> = Extract<Ceremony, { purpose: P }>;

/** The challenges of WebAuthn: 256 random bits, stored as a hash, valid once and for one purpose. */
@Injectable()
export class WebAuthnChallenges {
  constructor(private readonly store: EphemeralStore) {}

  async save(challenge: string, ceremony: Ceremony): Promise<void> {
    await this.store.put(keyOf(challenge), JSON.stringify(ceremony), CHALLENGE_SECONDS);
  }

  /** Uses the challenge up, for another purpose too. @returns null if it is unknown, used, expired or of another purpose */
  async consume<P extends Ceremony['purpose']>(challenge: string, purpose: P): Promise<CeremonyOf<P> | null> {
    const value = await this.store.consume(keyOf(challenge));
    const ceremony = value === null ? null : (JSON.parse(value) as Ceremony);
    return ceremony?.purpose === purpose ? (ceremony as CeremonyOf<P>) : null;
  }
}

const keyOf = (challenge: string) => `webauthn:${tokenHash(challenge)}`;
