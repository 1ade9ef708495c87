import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Identity } from './identity.entity.js';
import { PersonalData } from './personal-data.js';
import { ProfileController } from './profile.controller.js';
import { ProfileService } from './profile.service.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([User, Identity])],
  controllers: [ProfileController],
  providers: [UsersService, ProfileService, PersonalData],
  exports: [UsersService, ProfileService, PersonalData],
})
export class UsersModule {}
