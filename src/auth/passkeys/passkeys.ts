import { Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource, EntityManager, LessThan, MoreThanOrEqual } from 'typeorm';
import { isUniqueViolation } from '../../common/database-errors.js';
import { AppError } from '../../common/errors.js';
import { Settings, SettingsError } from '../../config/settings.js';
import { Passkey } from './passkey.entity.js';

const MAX_PASSKEYS_ROWS = 20;

/** A verified new credential, as JSON. */
export interface NewPasskey extends Pick<
  Passkey,
  'credentialId' | 'counter' | 'transports' | 'backupEligible' | 'backedUp' | 'rpId'
> {
  /** COSE, base64url. */
  publicKey: string;
}

/** A verified signature of a passkey. */
export interface PasskeyUse {
  passkey: Passkey;
  counter: number;
  backedUp: boolean;
}

/** Rows of `webauthn_credentials`. Callers that add or remove hold the lock on the user's row. */
@Injectable()
export class Passkeys implements OnModuleInit {
  constructor(
    private readonly database: DataSource,
    private readonly settings: Settings,
  ) {}

  /** @throws SettingsError where the stored passkeys belong to another RP ID, under which browsers would not find them */
  async onModuleInit(): Promise<void> {
    const [stored] = await this.database.manager.find(Passkey, { select: { rpId: true }, take: 1 });
    const { rpId } = this.settings.webauthn;
    if (stored && stored.rpId !== rpId)
      throw new SettingsError(
        `WEBAUTHN_RP_ID must stay "${stored.rpId}", not "${rpId}": the stored passkeys work with no other`,
      );
  }

  /** @param before only those that were added before then */
  list(tx: EntityManager, userId: string, before?: Date): Promise<Passkey[]> {
    return tx.find(Passkey, {
      where: { userId, ...(before && { createdAt: LessThan(before) }) },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
  }

  find(
    where: { credentialId: string } | { id: string; userId: string },
    tx: EntityManager = this.database.manager,
  ): Promise<Passkey | null> {
    return tx.findOneBy(Passkey, where);
  }

  /** @throws AppError `bad_request` beyond the number of passkeys, `invalid_code` for a credential that is stored already */
  async add(tx: EntityManager, userId: string, credential: NewPasskey, name: string): Promise<Passkey> {
    if ((await tx.countBy(Passkey, { userId })) >= MAX_PASSKEYS_ROWS)
      throw new AppError('bad_request', { message: `An account has at most ${MAX_PASSKEYS_ROWS} passkeys` });
    const publicKey = Buffer.from(credential.publicKey, 'base64url');
    try {
      return await tx.save(Passkey, tx.create(Passkey, { ...credential, publicKey, userId, name, lastUsedAt: null }));
    } catch (error) {
      if (isUniqueViolation(error, 'idx_webauthn_credentials_credential')) throw new AppError('invalid_code');
      throw error;
    }
  }

  async rename(tx: EntityManager, passkey: Passkey, name: string): Promise<void> {
    await tx.update(Passkey, passkey.id, { name });
  }

  /**
   * Compares and swaps: the counter of a copy does not advance the stored one (WebAuthn Level 3 §6.1.1).
   * @returns false for a copy or a removed passkey
   */
  async recordUse({ passkey, counter, backedUp }: PasskeyUse, tx = this.database.manager): Promise<boolean> {
    const { affected } = await tx
      .createQueryBuilder()
      .update(Passkey)
      .set({ counter, backedUp, lastUsedAt: () => 'now()' })
      .where('id = :id AND (counter < :counter OR (counter = 0 AND :counter = 0))', { id: passkey.id, counter })
      .execute();
    return affected === 1;
  }

  /** @param only one of them, those added since a moment, or all. @returns the removed ones */
  async remove(tx: EntityManager, userId: string, { id, since }: { id?: string; since?: Date } = {}) {
    const where = { userId, ...(id && { id }), ...(since && { createdAt: MoreThanOrEqual(since) }) };
    const removed = await tx.findBy(Passkey, where);
    await tx.delete(Passkey, where);
    return removed;
  }
}
