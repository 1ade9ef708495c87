import { Body, Controller, Delete, Get, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UuidParam } from '../../common/dto/uuid-param.js';
import { Answers, ApiErrors, CurrentUser } from '../../common/http/decorators.js';
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
  @ApiOperation({ summary: 'The own second factors' })
  @Answers(200, MfaBody)
  listMyFactors(@CurrentUser() { userId }: Principal): Promise<MfaBody> {
    return this.mfa.describe(userId);
  }

  @Post('totp')
  @ApiOperation({
    summary: 'Set up an authenticator app',
    description: 'The app counts once a code of it is confirmed. The address of the account must be confirmed.',
  })
  @Answers(201, TotpSecretBody)
  @ApiErrors('email_not_verified', 'recent_sign_in_required')
  startTotp(@CurrentUser() user: Principal, @Body() body: StartTotpBody): Promise<TotpSecretBody> {
    return this.mfa.startTotp(user, body.name ?? 'Authenticator app');
  }

  @Post('totp/:id/confirm')
  @ApiOperation({ summary: 'Confirm an authenticator app by a code of it' })
  @Answers(200, FirstFactorBody)
  @ApiErrors('invalid_mfa_code', 'recent_sign_in_required', 'not_found')
  confirmTotp(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Body() body: ConfirmTotpBody,
    @Context() context: RequestContext,
  ): Promise<FirstFactorBody> {
    return this.mfa.confirmTotp(user, id, body.code, context);
  }

  @Post('recovery-codes')
  @ApiOperation({ summary: 'Replace the recovery codes', description: 'The old ones are void.' })
  @Answers(200, RecoveryCodesBody)
  @ApiErrors('recent_sign_in_required', 'not_found')
  replaceRecoveryCodes(@CurrentUser() user: Principal, @Context() context: RequestContext): Promise<RecoveryCodesBody> {
    return this.mfa.replaceCodes(user, context);
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Remove a factor', description: 'With the last one the recovery codes go too.' })
  @Answers(204)
  @ApiErrors('validation_failed', 'recent_sign_in_required', 'not_found', 'last_sign_in_method')
  removeFactor(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.mfa.remove(user, id, context);
  }
}
