import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Logger } from '../common/logger.js';
import { LOGGER } from '../common/logger.module.js';
import { Settings } from '../config/settings.js';
import { MailModule } from '../mail/mail.module.js';
import { AvatarController } from './avatar.controller.js';
import { AvatarImages } from './avatar-images.js';
import { AvatarRemoval } from './avatar-removal.entity.js';
import { AvatarRemovals } from './avatar-removals.js';
import { AvatarService } from './avatar.service.js';
import { AvatarStorage } from './avatar-storage.js';
import { createAvatarStorage } from './avatar-storage.factory.js';
import { AvatarUploads } from './avatar-uploads.js';
import { IdentitiesController } from './identities.controller.js';
import { IdentitiesService } from './identities.service.js';
import { Identity } from './identity.entity.js';
import { PersonalData } from './personal-data.js';
import { ProfileCache } from './profile-cache.js';
import { ProfileController } from './profile.controller.js';
import { ProfileService } from './profile.service.js';
import { UnlinkService } from './unlink.service.js';
import { UploadsController } from './uploads.controller.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [MailModule, TypeOrmModule.forFeature([User, Identity, AvatarRemoval])],
  controllers: [ProfileController, AvatarController, UploadsController, IdentitiesController],
  providers: [
    UsersService,
    ProfileService,
    ProfileCache,
    PersonalData,
    IdentitiesService,
    UnlinkService,
    AvatarImages,
    AvatarUploads,
    AvatarRemovals,
    AvatarService,
    {
      provide: AvatarStorage,
      inject: [Settings, LOGGER],
      useFactory: ({ uploads }: Settings, logger: Logger) => createAvatarStorage(uploads, logger),
    },
  ],
  exports: [UsersService, ProfileCache, ProfileService, PersonalData, IdentitiesService, AvatarService, AvatarStorage],
})
export class UsersModule {}
