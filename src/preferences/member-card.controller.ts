import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../common/http/decorators.js';
import type { Principal } from '../common/http/request-context.js';
import { UuidParam } from '../common/dto/uuid-param.js';
import { MemberCardBody } from './member-card.dto.js';
import { MemberCardService } from './member-card.service.js';

@ApiTags('members')
@ApiBearerAuth()
@Controller('users')
export class MemberCardController {
  constructor(private readonly cards: MemberCardService) {}

  @Get(':id')
  @ApiOperation({ summary: "Another member's card", description: 'Members who are private or inactive are not found.' })
  @ApiOkResponse({ type: MemberCardBody })
  @ApiErrors('validation_failed', 'unauthenticated', 'not_found', 'database_unavailable')
  get(@UuidParam('id') id: string, @CurrentUser() { userId }: Principal): Promise<MemberCardBody> {
    return this.cards.get(id, userId);
  }
}
