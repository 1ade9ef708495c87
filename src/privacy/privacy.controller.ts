import { Body, Controller, Delete, Get, Header, HttpCode, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { ErasureService } from './erasure.service.js';
import { ExportService } from './export.service.js';
import { EraseBody, ExportBody } from './privacy.dto.js';

@ApiTags('privacy')
@ApiBearerAuth()
@Controller('users/profile')
export class PrivacyController {
  constructor(
    private readonly exports: ExportService,
    private readonly erasures: ErasureService,
  ) {}

  @Get('export')
  @Header('content-disposition', 'attachment; filename="meetinity-export.json"')
  @ApiOperation({ operationId: 'exportMyData', summary: 'Export your data as a file' })
  @ApiOkResponse({ type: ExportBody })
  @ApiErrors('unauthenticated', 'recent_sign_in_required', 'database_unavailable')
  async export(@CurrentUser() user: Principal): Promise<StreamableFile> {
    return new StreamableFile(await this.exports.export(user), { type: 'application/json; charset=utf-8' });
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteMyAccount',
    summary: 'Delete the account permanently',
    description:
      'Needs an authentication within the last ten minutes or, without a second factor, the password in the body.',
  })
  @ApiNoContentResponse()
  @ApiErrors('validation_failed', 'invalid_json', 'unauthenticated', 'invalid_credentials', 'recent_sign_in_required')
  @ApiErrors('last_admin', 'rate_limited', 'busy', 'payload_too_large', 'unsupported_media_type')
  erase(@CurrentUser() user: Principal, @Body() body: EraseBody, @Context() context: RequestContext): Promise<void> {
    return this.erasures.erase(user, body.password, context);
  }
}
