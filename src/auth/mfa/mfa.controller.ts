import { Body, Controller, Delete, Get, HttpCode, Post } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { UuidParam } from '../../common/dto/uuid-param.js';
import { ApiErrors, CurrentUser } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import {
  ConfirmTotpBody,
  FirstFactorBody,
  MfaBody,
  RecoveryCodesBody,
  StartTotpBody,
  TotpSecretBody,
} from './mfa.dto.js';
import { MfaService } from './mfa.service.js';

@ApiTags('mfa')
@ApiBearerAuth()
@Controller('users/mfa')
export class MfaController {
  constructor(private readonly mfa: MfaService) {}

  @Get()
  @ApiOperation({ operationId: 'listMyFactors', summary: 'The own second factors' })
  @ApiOkResponse({ type: MfaBody })
  @ApiErrors('unauthenticated')
  list(@CurrentUser() { userId }: Principal): Promise<MfaBody> {
    return this.mfa.describe(userId);
  }

  @Post('totp')
  @ApiOperation({
    operationId: 'startTotp',
    summary: 'Set up an authenticator app',
    description: 'The app counts once a code of it is confirmed. The address of the account must be confirmed.',
  })
  @ApiCreatedResponse({ type: TotpSecretBody })
  @ApiErrors('validation_failed', 'bad_request', 'unauthenticated', 'email_not_verified', 'recent_sign_in_required')
  startTotp(@CurrentUser() user: Principal, @Body() body: StartTotpBody): Promise<TotpSecretBody> {
    return this.mfa.startTotp(user, body.name ?? 'Authenticator app');
  }

  @Post('totp/:id/confirm')
  @HttpCode(200)
  @ApiOperation({ operationId: 'confirmTotp', summary: 'Confirm an authenticator app by a code of it' })
  @ApiOkResponse({ type: FirstFactorBody })
  @ApiErrors('validation_failed', 'unauthenticated', 'invalid_mfa_code', 'recent_sign_in_required')
  @ApiErrors('not_found', 'rate_limited')
  confirmTotp(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Body() body: ConfirmTotpBody,
    @Context() context: RequestContext,
  ): Promise<FirstFactorBody> {
    return this.mfa.confirmTotp(user, id, body.code, context);
  }

  @Post('recovery-codes')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'replaceRecoveryCodes',
    summary: 'Replace the recovery codes',
    description: 'The old ones are void.',
  })
  @ApiOkResponse({ type: RecoveryCodesBody })
  @ApiErrors('unauthenticated', 'recent_sign_in_required', 'not_found')
  replaceCodes(@CurrentUser() user: Principal, @Context() context: RequestContext): Promise<RecoveryCodesBody> {
    return this.mfa.replaceCodes(user, context);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'removeFactor',
    summary: 'Remove a factor',
    description: 'With the last one the recovery codes go too.',
  })
  @ApiNoContentResponse()
  @ApiErrors('validation_failed', 'unauthenticated', 'recent_sign_in_required', 'not_found', 'last_sign_in_method')
  remove(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.mfa.remove(user, id, context);
  }
}
