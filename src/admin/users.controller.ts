import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AdminRoute } from './admin.guard.js';
import { UserListBody, UserListQuery } from './user-list.dto.js';
import { UserListService } from './user-list.service.js';

@ApiTags('admin')
@Controller('admin/users')
export class AdminUsersController {
  constructor(private readonly lists: UserListService) {}

  @Get()
  @AdminRoute('users.read', 'validation_failed')
  @ApiOperation({ summary: 'List and search users', description: 'By page, or with `after` through millions of them.' })
  @ApiOkResponse({ type: UserListBody })
  list(@Query() query: UserListQuery): Promise<UserListBody> {
    return this.lists.list(query);
  }
}
