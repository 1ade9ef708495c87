import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { runInTransaction } from '../../database/transaction.js';
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
import type { User } from '../user.entity.js';
import { UsersService } from '../users.service.js';

/**
 * The picture of a member. A file is there before a row points at it and goes after the last row that did: what can be left
 * over is a file that nobody needs, which `npm run avatars:clean` finds, never a row without its file.
 */
@Injectable()
export class AvatarService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly images: AvatarImages,
    private readonly storage: AvatarStorage,
    private readonly removals: PendingAvatarDeletions,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /** @throws AppError `unsupported_media_type`, `invalid_image`, `storage_unavailable`, `busy` */
  async replace(principal: Principal, { bytes, extension }: Upload, context: RequestContext): Promise<ProfileBody> {
    const picture = await this.images.normalize(bytes, extension);
    const name = newAvatarName();
    await this.storage.put(name, picture);
    try {
      return await this.change(principal, name, 'avatar.replaced', context);
    } catch (error) {
      // Where the connection broke, the commit may have happened all the same: then the file stays, for the clean-up to judge.
      if (databaseError(error)?.type !== 'database_unavailable') await this.storage.remove(name).catch(() => undefined);
      throw error;
    }
  }

  remove(principal: Principal, context: RequestContext): Promise<ProfileBody> {
    return this.change(principal, null, 'avatar.removed', context);
  }

  /**
   * Has the file removed once the transaction is committed; a provider's picture is not ours to remove.
   * @param stored what `users.profile_picture_url` holds
   */
  async removeAfterCommit(tx: EntityManager, stored: string | null): Promise<void> {
    if (stored !== null && isAvatarName(stored)) await this.removals.add(tx, stored);
  }

  private async change(
    principal: Principal,
    name: string | null,
    action: 'avatar.replaced' | 'avatar.removed',
    context: RequestContext,
  ): Promise<ProfileBody> {
    const { userId } = principal;
    const user = await runInTransaction(this.database, async (tx): Promise<User> => {
      const current = await this.users.lockOwn(tx, principal);
      if (current.profilePictureUrl === name) return current;
      await this.removeAfterCommit(tx, current.profilePictureUrl);
      const changed = await this.users.change(tx, current, { profilePictureUrl: name });
      await this.outbox.add(tx, userUpdated(userId, ['profile_picture_url']), context);
      await this.audit.record(tx, { action, actorId: userId, targetId: userId }, context);
      return changed;
    });
    return this.profiles.toProfileResponse(user);
  }
}
