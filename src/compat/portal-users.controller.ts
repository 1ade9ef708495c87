import { Body, Controller, Delete, Get, Head, Post, Put, Query } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AdminRoute } from '../admin/admin.guard.js';
import { AppError } from '../common/errors.js';
import { UuidParam } from '../common/dto/uuid-param.js';
import { Answers, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import {
  BulkBody,
  BulkResult,
  PortalExport,
  PortalFilterQuery,
  PortalListQuery,
  PortalStats,
  PortalUser,
  PortalUserList,
  UpdatePortalUserBody,
} from './portal-users.dto.js';
import { PortalUsersService } from './portal-users.service.js';

/** The routes on users that the admin portal calls, with its names; pages are counted from 0. */
@ApiTags('platform apps')
@Controller('users')
export class PortalUsersController {
  constructor(private readonly users: PortalUsersService) {}

  @Get()
  @AdminRoute('users:read', 'validation_failed')
  @ApiOperation({ summary: 'List users for the portal' })
  @Answers(200, PortalUserList)
  listPortalUsers(@Query() query: PortalListQuery): Promise<PortalUserList> {
    return this.users.list(query);
  }

  @Get('stats')
  @AdminRoute('users:read')
  @ApiOperation({ summary: 'Numbers of users, at most five minutes old' })
  @Answers(200, PortalStats)
  getPortalStats(): Promise<PortalStats> {
    return this.users.getStats();
  }

  /** Without this route the handler of GET would answer HEAD, and audit an export that was not made. */
  @Head('export')
  @AdminRoute('users:write')
  @ApiExcludeEndpoint()
  head(): void {}

  @Get('export')
  @AdminRoute('users:write', 'validation_failed')
  @ApiOperation({ summary: 'Up to 10,000 users and the numbers; audited' })
  @Answers(200, PortalExport)
  exportPortalUsers(
    @Query() query: PortalFilterQuery,
    @CurrentUser() actor: Principal,
    @Context() context: RequestContext,
  ): Promise<PortalExport> {
    return this.users.export(query, actor, context);
  }

  /** Other services count these. */
  @Get(['engagement', 'match-success'])
  @AdminRoute('users:read')
  @ApiExcludeEndpoint()
  uncounted(): never {
    throw new AppError('not_found');
  }

  @Post('bulk')
  @AdminRoute('users:write')
  @ApiOperation({ summary: 'Activate, deactivate or delete up to 100 users' })
  @Answers(200, BulkResult)
  changePortalUsers(
    @CurrentUser() actor: Principal,
    @Body() body: BulkBody,
    @Context() context: RequestContext,
  ): Promise<BulkResult> {
    return this.users.bulk(body, actor, context);
  }

  @Put(':id')
  @AdminRoute('users:write', 'not_found', 'own_account', 'last_admin', 'email_taken')
  @ApiOperation({ summary: 'Change name, address, industry or status of a user' })
  @Answers(200, PortalUser)
  updatePortalUser(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() body: UpdatePortalUserBody,
    @Context() context: RequestContext,
  ): Promise<PortalUser> {
    return this.users.update(id, body, actor, context);
  }

  @Delete(':id')
  @AdminRoute('users:write', 'validation_failed', 'not_found', 'own_account', 'last_admin')
  @ApiOperation({ summary: 'Delete a user for good' })
  @Answers(204)
  deletePortalUser(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.users.erase(id, actor, context);
  }
}
