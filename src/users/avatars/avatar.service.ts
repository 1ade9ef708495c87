import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { profileSyncs } from '../../common/logging/metrics.js';
import { afterCommit, runInTransaction } from '../../database/transaction.js';
import { databaseError } from '../../common/database-errors.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { AvatarImages } from './avatar-images.js';
import { PendingAvatarDeletions } from './pending-avatar-deletions.js';
import { AvatarStorage, isAvatarName, newAvatarName } from './avatar-storage.js';
import type { Upload } from './multipart-upload-reader.js';
import type { ProfileBody } from '../profile.dto.js';
import { ProfileService } from '../profile.service.js';
import { UsersService } from '../users.service.js';

/**
 * Replaces and removes profile pictures. A file is stored before a row refers to it and deleted after the last one did: a crash
 * can leave an unused file, which `npm run avatars:clean` finds, but never a row without its file.
 */
@Injectable()
export class AvatarService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly images: AvatarImages,
    private readonly storage: AvatarStorage,
    private readonly deletions: PendingAvatarDeletions,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /** @throws AppError `unsupported_media_type`, `invalid_image`, `validation_failed`, `storage_unavailable`, `busy` */
  async replace(
    principal: Principal,
    { bytes, extension, crop }: Upload,
    context: RequestContext,
  ): Promise<ProfileBody> {
    const picture = await this.images.normalize(bytes, extension, crop);
    const name = newAvatarName();
    await this.storage.put(name, picture);
    try {
      return await this.change(principal, name, 'avatar.replaced', context);
    } catch (error) {
      // After a lost connection the transaction may still have been committed, so the file stays for `npm run avatars:clean`.
      if (databaseError(error)?.type !== 'database_unavailable') await this.storage.remove(name).catch(() => undefined);
      throw error;
    }
  }

  remove(principal: Principal, context: RequestContext): Promise<ProfileBody> {
    return this.change(principal, null, 'avatar.removed', context);
  }

  /**
   * Deletes the file after the commit; a provider's picture stays.
   * @param stored `users.profile_picture_url`
   */
  async removeAfterCommit(tx: EntityManager, stored: string | null): Promise<void> {
    if (stored !== null && isAvatarName(stored)) await this.deletions.add(tx, stored);
  }

  private async change(
    principal: Principal,
    name: string | null,
    action: 'avatar.replaced' | 'avatar.removed',
    context: RequestContext,
  ): Promise<ProfileBody> {
    const { userId } = principal;
    const user = await runInTransaction(this.database, async (tx) => {
      const current = await this.users.lockOwn(tx, principal);
      if (current.profilePictureUrl === name) return current;
      await this.removeAfterCommit(tx, current.profilePictureUrl);
      await this.users.change(tx, current, { profilePictureUrl: name });
      afterCommit(tx, async () => profileSyncs.inc());
      await this.outbox.add(tx, userUpdated(userId, ['profile_picture_url']), context);
      await this.audit.record(tx, { action, actorId: userId, targetId: userId }, context);
      return current;
    });
    return this.profiles.toProfileResponse(user);
  }
}
