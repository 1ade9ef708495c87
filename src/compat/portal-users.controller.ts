import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AdminRoute } from '../admin/admin.guard.js';
import { AppError } from '../common/errors.js';
import { UuidParam } from '../common/dto/uuid-param.js';
import { CurrentUser } from '../common/http/decorators.js';
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
  @ApiOperation({ operationId: 'listPortalUsers', summary: 'List users for the portal' })
  @ApiOkResponse({ type: PortalUserList })
  list(@Query() query: PortalListQuery): Promise<PortalUserList> {
    return this.users.list(query);
  }

  @Get('stats')
  @AdminRoute('users:read')
  @ApiOperation({ operationId: 'getPortalStats', summary: 'Numbers of users, at most five minutes old' })
  @ApiOkResponse({ type: PortalStats })
  stats(): Promise<PortalStats> {
    return this.users.getStats();
  }

  @Get('export')
  @AdminRoute('users:write', 'validation_failed')
  @ApiOperation({ operationId: 'exportPortalUsers', summary: 'Up to 10,000 users and the numbers' })
  @ApiOkResponse({ type: PortalExport })
  export(@Query() query: PortalFilterQuery): Promise<PortalExport> {
    return this.users.export(query);
  }

  /** Other services count these. */
  @Get(['engagement', 'match-success'])
  @AdminRoute('users:read')
  @ApiExcludeEndpoint()
  uncounted(): never {
    throw new AppError('not_found');
  }

  @Post('bulk')
  @HttpCode(200)
  @AdminRoute('users:write', 'validation_failed', 'invalid_json')
  @ApiOperation({ operationId: 'changePortalUsers', summary: 'Activate, deactivate or delete up to 100 users' })
  @ApiOkResponse({ type: BulkResult })
  bulk(
    @CurrentUser() actor: Principal,
    @Body() body: BulkBody,
    @Context() context: RequestContext,
  ): Promise<BulkResult> {
    return this.users.bulk(body, actor, context);
  }

  @Put(':id')
  @AdminRoute(
    'users:write',
    'validation_failed',
    'invalid_json',
    'not_found',
    'own_account',
    'last_admin',
    'email_taken',
  )
  @ApiOperation({ operationId: 'updatePortalUser', summary: 'Change name, address, industry or status of a user' })
  @ApiOkResponse({ type: PortalUser })
  update(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() body: UpdatePortalUserBody,
    @Context() context: RequestContext,
  ): Promise<PortalUser> {
    return this.users.update(id, body, actor, context);
  }

  @Delete(':id')
  @HttpCode(204)
  @AdminRoute('users:write', 'validation_failed', 'not_found', 'own_account', 'last_admin')
  @ApiOperation({ operationId: 'deletePortalUser', summary: 'Delete a user for good' })
  @ApiNoContentResponse()
  erase(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.users.erase(id, actor, context);
  }
}
