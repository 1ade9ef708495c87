import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../common/after-commit.js';
import { databaseError } from '../common/database-errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { AvatarImages } from './avatar-images.js';
import { AvatarRemovals } from './avatar-removals.js';
import { avatarName, AvatarStorage, avatarUrl, newAvatarName } from './avatar-storage.js';
import type { Upload } from './avatar-uploads.js';
import type { ProfileBody } from './profile.dto.js';
import { ProfileService } from './profile.service.js';
import type { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/**
 * The picture of a member. A file is there before a row points at it and goes after the last row that did: what can be left
 * over is a file that nobody needs, which `npm run avatars:clean` finds, never a row without its file.
 */
@Injectable()
export class AvatarService {
  private readonly baseUrl: string;

  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly images: AvatarImages,
    private readonly storage: AvatarStorage,
    private readonly removals: AvatarRemovals,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    settings: Settings,
  ) {
    this.baseUrl = settings.publicBaseUrl;
  }

  /** @throws AppError `unsupported_media_type`, `invalid_image`, `busy` */
  async replace(userId: string, { bytes, extension }: Upload, context: RequestContext): Promise<ProfileBody> {
    const picture = await this.images.normalize(bytes, extension);
    const name = newAvatarName();
    await this.storage.put(name, picture);
    try {
      return await this.change(userId, avatarUrl(this.baseUrl, name), 'avatar.replaced', context);
    } catch (error) {
      // Where the connection broke, the commit may have happened all the same: then the file stays, for the clean-up to judge.
      if (databaseError(error)?.type !== 'database_unavailable') await this.storage.remove(name).catch(() => undefined);
      throw error;
    }
  }

  remove(userId: string, context: RequestContext): Promise<ProfileBody> {
    return this.change(userId, null, 'avatar.removed', context);
  }

  /** Has the file behind the address removed once the transaction is committed; a provider's picture is not ours to remove. */
  async removeAfterCommit(tx: EntityManager, url: string | null): Promise<void> {
    const name = avatarName(this.baseUrl, url);
    if (name) await this.removals.add(tx, name);
  }

  private async change(
    userId: string,
    url: string | null,
    action: 'avatar.replaced' | 'avatar.removed',
    context: RequestContext,
  ): Promise<ProfileBody> {
    const user = await runInTransaction(this.database, async (tx): Promise<User> => {
      const current = await this.users.lockOwn(tx, userId);
      if (current.profilePictureUrl === url) return current;
      await this.removeAfterCommit(tx, current.profilePictureUrl);
      const changed = await this.users.change(tx, current, { profilePictureUrl: url });
      await this.outbox.add(tx, userUpdated(userId, ['profile_picture_url']), context);
      await this.audit.record(tx, { action, actorId: userId, targetId: userId }, context);
      return changed;
    });
    return this.profiles.present(user);
  }
}
