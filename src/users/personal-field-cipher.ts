import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { undecryptableFields } from '../common/logging/metrics.js';
import { FieldCipher } from '../crypto/field-cipher.js';

export const PERSONAL_FIELDS = ['phone', 'date_of_birth'] as const;
export type PersonalField = (typeof PERSONAL_FIELDS)[number];

/** Encrypts and decrypts the columns that are encrypted at rest. */
@Injectable()
export class PersonalFieldCipher {
  constructor(
    private readonly cipher: FieldCipher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  encrypt(userId: string, field: PersonalField, clear: string | null): string | null {
    return clear === null ? null : this.cipher.encrypt(userId, field, clear);
  }

  /** A value that cannot be decrypted reads as null and raises an alert: the profile stays usable. */
  decrypt(userId: string, field: PersonalField, stored: string | null): string | null {
    if (stored === null) return null;
    try {
      return this.cipher.decrypt(userId, field, stored);
    } catch (error) {
      undecryptableFields.inc({ field });
      this.logger.error(
        { alert: 'field_decryption_failed', user_id: userId, field, err: error },
        'a stored value could not be decrypted',
      );
      return null;
    }
  }
}
