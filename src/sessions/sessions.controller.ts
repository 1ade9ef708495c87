import { Controller, Delete, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, CurrentUser } from '../common/http/decorators.js';
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
  @ApiOperation({ summary: 'The signed-in devices, the last used first' })
  @Answers(200, SessionsBody)
  listMySessions(@CurrentUser() user: Principal): Promise<SessionsBody> {
    return this.sessions.list(user);
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Sign out one device' })
  @Answers(204)
  @ApiErrors('validation_failed', 'not_found')
  endMySession(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.sessions.end(user, id, context);
  }

  @Delete()
  @ApiOperation({ summary: 'Sign out every other device' })
  @Answers(204)
  endMyOtherSessions(@CurrentUser() user: Principal, @Context() context: RequestContext): Promise<void> {
    return this.sessions.endOthers(user, context);
  }
}
