import { Body, Controller, Get, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { UuidParam } from '../common/dto/uuid-param.js';
import { AdminRoute } from './admin.guard.js';
import { UserChangesService } from './user-changes.service.js';
import { AdminUserDetailBody, RevokeSessionsBody, RoleBody, StatusBody } from './user-detail.dto.js';
import { UserDetailService } from './user-detail.service.js';
import { UserListBody, UserListQuery } from './user-list.dto.js';
import { UserListService } from './user-list.service.js';

@ApiTags('admin')
@Controller('admin/users')
export class AdminUsersController {
  constructor(
    private readonly lists: UserListService,
    private readonly details: UserDetailService,
    private readonly changes: UserChangesService,
  ) {}

  @Get()
  @AdminRoute('users:read', 'validation_failed')
  @ApiOperation({
    summary: 'List and search users',
    description: 'By page, or by cursor with `after`, which is fast at any depth.',
  })
  @Answers(200, UserListBody)
  listUsers(@Query() query: UserListQuery): Promise<UserListBody> {
    return this.lists.list(query);
  }

  @Get(':id')
  @AdminRoute('users:read', 'validation_failed', 'not_found')
  @ApiOperation({ summary: 'One user, with preferences, identities, sessions and the last audit entries' })
  @Answers(200, AdminUserDetailBody)
  getUser(@UuidParam('id') id: string, @CurrentUser() { sessionId }: Principal): Promise<AdminUserDetailBody> {
    return this.details.get(id, sessionId);
  }

  @Put(':id/status')
  @AdminRoute('users:write', 'not_found', 'own_account', 'last_admin')
  @ApiOperation({ summary: 'Deactivate or reactivate a user', description: 'Deactivation ends every session.' })
  @Answers(200, AdminUserDetailBody)
  async setUserStatus(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { is_active, reason = null }: StatusBody,
    @Context() context: RequestContext,
  ): Promise<AdminUserDetailBody> {
    await this.changes.setStatus(id, is_active, { actor, reason, context });
    return this.details.get(id, actor.sessionId);
  }

  @Put(':id/role')
  @AdminRoute('users:write', 'not_found', 'own_account', 'last_admin', 'email_not_verified', 'password_unproven')
  @ApiOperation({
    summary: 'Change the role of a user',
    description:
      'Ends every session of the user. A promotion needs a confirmed address, and a password that the owner of the mailbox has proven.',
  })
  @Answers(200, AdminUserDetailBody)
  async setUserRole(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { role, reason = null }: RoleBody,
    @Context() context: RequestContext,
  ): Promise<AdminUserDetailBody> {
    await this.changes.setRole(id, role, { actor, reason, context });
    return this.details.get(id, actor.sessionId);
  }

  @Post(':id/sessions/revoke')
  @AdminRoute('users:write', 'not_found')
  @ApiOperation({ summary: 'Sign a user out everywhere' })
  @Answers(204)
  revokeUserSessions(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { reason = null }: RevokeSessionsBody,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.changes.revokeSessions(id, { actor, reason, context });
  }
}
