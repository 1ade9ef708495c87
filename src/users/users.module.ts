import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdentitiesController } from './identities.controller.js';
import { IdentitiesService } from './identities.service.js';
import { Identity } from './identity.entity.js';
import { PersonalData } from './personal-data.js';
import { ProfileController } from './profile.controller.js';
import { ProfileService } from './profile.service.js';
import { UnlinkService } from './unlink.service.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([User, Identity])],
  controllers: [ProfileController, IdentitiesController],
  providers: [UsersService, ProfileService, PersonalData, IdentitiesService, UnlinkService],
  exports: [UsersService, ProfileService, PersonalData, IdentitiesService],
})
export class UsersModule {}
