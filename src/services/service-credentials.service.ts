import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager, IsNull } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { isUniqueViolation } from '../common/database-errors.js';
import type { ServiceScope } from '../common/service-scopes.js';
import { randomToken, tokenHash } from '../crypto/tokens.js';
import { runInTransaction } from '../database/transaction.js';
import { ServiceCredential } from './service-credential.entity.js';

/** Tells the credential of a service from an access token. */
export const SERVICE_TOKEN_PREFIX = 'mts_';

/** Creates, rotates and revokes the credentials of other services; each change is audited. Only operators do so. */
@Injectable()
export class ServiceCredentialsService {
  constructor(
    private readonly database: DataSource,
    private readonly audit: AuditService,
  ) {}

  /**
   * @returns the token, which is shown once
   * @throws Error where a service of that name has a valid credential
   */
  async create(name: string, scopes: ServiceScope[]): Promise<string> {
    const token = newToken();
    await runInTransaction(this.database, async (tx) => {
      const { id } = await tx.save(ServiceCredential, { name, scopes, tokenHashes: [tokenHash(token)] });
      await this.record(tx, 'service.created', { id, name }, { scopes });
    }).catch((error: unknown) => {
      if (!isUniqueViolation(error, 'idx_service_credentials_name')) throw error;
      throw new Error(`there is a service "${name}" already: rotate or revoke its token`);
    });
    return token;
  }

  /**
   * The token before stays valid until the next rotation or `revoke` with `previousOnly`.
   * @returns the new token, which is shown once
   */
  async rotate(name: string): Promise<string> {
    const token = newToken();
    await runInTransaction(this.database, async (tx) => {
      const credential = await this.lock(tx, name);
      const tokenHashes = [tokenHash(token), credential.tokenHashes[0]!];
      await tx.update(ServiceCredential, credential.id, { tokenHashes, rotatedAt: new Date() });
      await this.record(tx, 'service.rotated', credential);
    });
    return token;
  }

  /** @param previousOnly keeps the current token */
  async revoke(name: string, previousOnly: boolean): Promise<void> {
    await runInTransaction(this.database, async (tx) => {
      const credential = await this.lock(tx, name);
      const change = previousOnly ? { tokenHashes: credential.tokenHashes.slice(0, 1) } : { revokedAt: new Date() };
      await tx.update(ServiceCredential, credential.id, change);
      await this.record(tx, previousOnly ? 'service.previous_token_revoked' : 'service.revoked', credential);
    });
  }

  /** Revoked ones included, oldest first. */
  list(): Promise<ServiceCredential[]> {
    return this.database.manager.find(ServiceCredential, { order: { createdAt: 'ASC' } });
  }

  /** PostgreSQL is asked each time, so that a revocation holds from the next request on. */
  async findByToken(token: string): Promise<ServiceCredential | null> {
    const query = this.database.manager.createQueryBuilder(ServiceCredential, 's');
    return query.where(':hash = ANY(s.tokenHashes) AND s.revokedAt IS NULL', { hash: tokenHash(token) }).getOne();
  }

  private async lock(tx: EntityManager, name: string): Promise<ServiceCredential> {
    const lock = { mode: 'pessimistic_write' as const };
    const found = await tx.findOne(ServiceCredential, { where: { name, revokedAt: IsNull() }, lock });
    if (!found) throw new Error(`there is no service "${name}" with a valid token`);
    return found;
  }

  private record(tx: EntityManager, action: string, { id, name }: { id: string; name: string }, more = {}) {
    return this.audit.record(tx, { action, actorId: null, targetId: id, after: { name, ...more } }, null);
  }
}

const newToken = () => SERVICE_TOKEN_PREFIX + randomToken();
