import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { MailModule } from '../mail/mail.module.js';
import { AvatarController } from './avatars/avatar.controller.js';
import { AvatarImages } from './avatars/avatar-images.js';
import { PendingAvatarDeletions } from './avatars/pending-avatar-deletions.js';
import { AvatarService } from './avatars/avatar.service.js';
import { AvatarStorage } from './avatars/avatar-storage.js';
import { createAvatarStorage } from './avatars/avatar-storage.factory.js';
import { MultipartUploadReader } from './avatars/multipart-upload-reader.js';
import { ProfileDetailsService } from './details/profile-details.service.js';
import { IdentitiesController } from './identities/identities.controller.js';
import { IdentitiesService } from './identities/identities.service.js';
import { Identity } from './identities/identity.entity.js';
import { PersonalFieldCipher } from './personal-field-cipher.js';
import { ProfileCache } from './profile-cache.js';
import { ProfileController } from './profile.controller.js';
import { ProfileService } from './profile.service.js';
import { UnlinkService } from './identities/unlink.service.js';
import { UploadsController } from './avatars/uploads.controller.js';
import { OneTimeTokens } from './links/one-time-tokens.js';
import { SecurityNotices } from './links/security-notices.js';
import { User } from './user.entity.js';
import { UserEmails } from './emails/user-emails.js';
import { UserPasswords } from './user-passwords.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [MailModule, TypeOrmModule.forFeature([User, Identity])],
  controllers: [ProfileController, AvatarController, UploadsController, IdentitiesController],
  providers: [
    UsersService,
    UserEmails,
    UserPasswords,
    OneTimeTokens,
    SecurityNotices,
    ProfileService,
    ProfileCache,
    ProfileDetailsService,
    PersonalFieldCipher,
    IdentitiesService,
    UnlinkService,
    AvatarImages,
    MultipartUploadReader,
    PendingAvatarDeletions,
    AvatarService,
    {
      provide: AvatarStorage,
      inject: [Settings, LOGGER],
      useFactory: ({ uploads }: Settings, logger: Logger) => createAvatarStorage(uploads, logger),
    },
  ],
  exports: [
    UsersService,
    UserEmails,
    UserPasswords,
    OneTimeTokens,
    SecurityNotices,
    MultipartUploadReader,
    ProfileDetailsService,
    ProfileCache,
    ProfileService,
    PersonalFieldCipher,
    IdentitiesService,
    AvatarService,
    AvatarStorage,
  ],
})
export class UsersModule {}
