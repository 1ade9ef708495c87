import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, CurrentUser } from '../common/http/decorators.js';
import type { Principal } from '../common/http/request-context.js';
import { SecurityActivityBody, SecurityActivityQuery } from './security-activity.dto.js';
import { SecurityActivityService } from './security-activity.service.js';

@ApiTags('sessions')
@ApiBearerAuth()
@Controller('users/security-activity')
export class SecurityActivityController {
  constructor(private readonly activity: SecurityActivityService) {}

  @Get()
  @ApiOperation({
    summary: 'What happened to the security of the account in the last 90 days, newest first',
    description: 'A page may have fewer entries than the limit, or none, before the last one.',
  })
  @Answers(200, SecurityActivityBody)
  @ApiErrors('validation_failed')
  listMySecurityActivity(
    @CurrentUser() user: Principal,
    @Query() query: SecurityActivityQuery,
  ): Promise<SecurityActivityBody> {
    return this.activity.list(user, query);
  }
}
