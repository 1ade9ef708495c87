import { Controller, Delete, Get, HttpCode } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { UuidParam } from '../common/dto/uuid-param.js';
import { OwnSessionsService } from './own-sessions.service.js';
import { SessionsBody } from './sessions.dto.js';

@ApiTags('sessions')
@ApiBearerAuth()
@Controller('users/sessions')
export class SessionsController {
  constructor(private readonly sessions: OwnSessionsService) {}

  @Get()
  @ApiOperation({ operationId: 'listMySessions', summary: 'The signed-in devices, the last used first' })
  @ApiOkResponse({ type: SessionsBody })
  @ApiErrors('unauthenticated')
  list(@CurrentUser() user: Principal): Promise<SessionsBody> {
    return this.sessions.list(user);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ operationId: 'endMySession', summary: 'Sign out one device' })
  @ApiNoContentResponse()
  @ApiErrors('validation_failed', 'unauthenticated', 'not_found')
  end(@CurrentUser() user: Principal, @UuidParam('id') id: string, @Context() context: RequestContext): Promise<void> {
    return this.sessions.end(user, id, context);
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({ operationId: 'endMyOtherSessions', summary: 'Sign out every other device' })
  @ApiNoContentResponse()
  @ApiErrors('unauthenticated')
  endOthers(@CurrentUser() user: Principal, @Context() context: RequestContext): Promise<void> {
    return this.sessions.endOthers(user, context);
  }
}
