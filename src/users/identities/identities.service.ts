import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { EntityManager, MoreThanOrEqual, Repository } from 'typeorm';
import type { Provider } from '../../config/settings.auth.js';
import { OutboxService } from '../../events/outbox.service.js';
import { credentialChanged } from '../../events/security-events.js';
import { Identity } from './identity.entity.js';
import { User } from '../user.entity.js';

/** Provider accounts linked to a user. Callers that change them hold the lock on the user's row. */
@Injectable()
export class IdentitiesService {
  constructor(
    @InjectRepository(Identity) private readonly identities: Repository<Identity>,
    private readonly outbox: OutboxService,
  ) {}

  /** Oldest first. */
  listOf(userId: string, tx?: EntityManager): Promise<Identity[]> {
    const repository = tx?.getRepository(Identity) ?? this.identities;
    return repository.find({ where: { userId }, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  find(
    tx: EntityManager,
    key: { id: string } | { provider: Provider; providerUserId: string },
  ): Promise<Identity | null> {
    return tx.findOneBy(Identity, key);
  }

  /** @throws QueryFailedError (23505 on user_identities_provider_subject_key) where a concurrent sign-in linked it first */
  async add(tx: EntityManager, identity: Omit<Identity, 'id' | 'user' | 'createdAt'>): Promise<Identity> {
    const added = await tx.save(Identity, tx.create(Identity, identity));
    await this.outbox.addSecurity(tx, identity.userId, [credentialChanged('federated', 'create')]);
    return added;
  }

  /** @param which all of them, those of a provider, or those that were linked since a time */
  async remove(tx: EntityManager, userId: string, which?: Provider | Date): Promise<void> {
    const some = which instanceof Date ? { createdAt: MoreThanOrEqual(which) } : which && { provider: which };
    const { affected } = await tx.delete(Identity, { userId, ...some });
    if (affected) await this.outbox.addSecurity(tx, userId, [credentialChanged('federated', 'delete')]);
  }
}

/** The columns `users.oauth_*` that mirror an identity. */
export function mirrorOf(
  identity: Pick<Identity, 'provider' | 'providerUserId'> | undefined,
): Pick<User, 'oauthProvider' | 'oauthId'> {
  return { oauthProvider: identity?.provider ?? null, oauthId: identity?.providerUserId ?? null };
}
