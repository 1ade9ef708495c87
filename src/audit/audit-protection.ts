import { Inject, Injectable, OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';

/** Warns at start where the service's database role could rewrite the audit log: an intruder could cover their tracks. */
@Injectable()
export class AuditProtection implements OnApplicationBootstrap {
  constructor(
    private readonly database: DataSource,
    private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.settings.production) return;
    const [table] = await this.database
      .query<[{ owned: boolean }]>(
        `SELECT pg_has_role(relowner, 'MEMBER') AS owned FROM pg_class WHERE oid = to_regclass('audit_logs')`,
      )
      .catch(() => []);
    if (table?.owned)
      this.logger.warn(
        'DATABASE_URL names the owner of the audit log, which can change it: let migrations run as another role (DATABASE_OWNER_URL)',
      );
  }
}
