import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AdminReads } from './admin-reads.js';
import { AdminMeController } from './me.controller.js';
import { UserListService } from './user-list.service.js';
import { AdminUsersController } from './users.controller.js';

@Module({
  imports: [UsersModule],
  controllers: [AdminMeController, AdminUsersController],
  providers: [AdminReads, UserListService],
})
export class AdminModule {}
