import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Preferences } from './preferences.entity.js';

@Injectable()
export class PreferencesService {
  /** Every account has its row from the first moment on, with the defaults of the table. */
  async createDefaults(tx: EntityManager, userId: string): Promise<void> {
    await tx.insert(Preferences, { userId });
  }
}
