import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors } from '../common/http/decorators.js';
import type { Principal } from '../common/http/request-context.js';
import { Caller, ServiceRoute } from '../common/http/service-scope.js';
import type { ServicePrincipal } from '../common/http/service-scope.js';
import { UuidParam } from '../common/dto/uuid-param.js';
import { MemberOrServiceCardBody } from './member-card.dto.js';
import { MemberCardService } from './member-card.service.js';

@ApiTags('members')
@Controller('users')
export class MemberCardController {
  constructor(private readonly cards: MemberCardService) {}

  @Get(':id')
  @ServiceRoute('users:read', { membersToo: true })
  @ApiOperation({
    summary: "Another member's card",
    description: 'Members who are private or inactive are found by other services only.',
  })
  @Answers(200, MemberOrServiceCardBody)
  @ApiErrors('validation_failed', 'not_found')
  getMemberCard(
    @UuidParam('id') id: string,
    @Caller() caller: Principal | ServicePrincipal,
  ): Promise<MemberOrServiceCardBody> {
    return 'userId' in caller ? this.cards.get(id, caller.userId) : this.cards.getForService(id);
  }
}
