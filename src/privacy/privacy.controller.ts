import { Body, Controller, Delete, Get, Header, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, CurrentUser } from '../common/http/decorators.js';
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
  @ApiOperation({ summary: 'Export your data as a file' })
  @Answers(200, ExportBody)
  @ApiErrors('recent_sign_in_required')
  async exportMyData(@CurrentUser() user: Principal): Promise<StreamableFile> {
    return new StreamableFile(await this.exports.export(user), { type: 'application/json; charset=utf-8' });
  }

  @Delete()
  @ApiOperation({
    summary: 'Delete the account permanently',
    description:
      'Needs an authentication within the last ten minutes or, without a second factor, the password in the body.',
  })
  @Answers(204)
  @ApiErrors('invalid_credentials', 'recent_sign_in_required', 'last_admin')
  deleteMyAccount(
    @CurrentUser() user: Principal,
    @Body() body: EraseBody,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.erasures.erase(user, body.password, context);
  }
}
