import { Body, Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UuidParam } from '../../common/dto/uuid-param.js';
import { Answers, ApiErrors, CurrentUser } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { OwnPasskeysService } from './own-passkeys.service.js';
import {
  AddedPasskeyBody,
  AddPasskeyBody,
  OptionsBody,
  PasskeyBody,
  PasskeysBody,
  RenamePasskeyBody,
} from './passkeys.dto.js';

@ApiTags('passkeys')
@ApiBearerAuth()
@Controller('users/passkeys')
export class PasskeysController {
  constructor(private readonly passkeys: OwnPasskeysService) {}

  @Get()
  @ApiOperation({ summary: 'The own passkeys' })
  @Answers(200, PasskeysBody)
  async listMyPasskeys(@CurrentUser() { userId }: Principal): Promise<PasskeysBody> {
    return { passkeys: await this.passkeys.list(userId) };
  }

  @Post('options')
  @ApiOperation({
    summary: 'Options to create a passkey',
    description:
      'For `navigator.credentials.create`; valid for five minutes. The address of the account must be confirmed.',
  })
  @Answers(200, OptionsBody)
  @ApiErrors('recent_sign_in_required', 'email_not_verified')
  startPasskey(@CurrentUser() user: Principal): Promise<OptionsBody> {
    return this.passkeys.options(user);
  }

  @Post()
  @ApiOperation({ summary: 'Add the passkey that the browser created' })
  @Answers(201, AddedPasskeyBody)
  @ApiErrors('invalid_code', 'recent_sign_in_required', 'email_not_verified')
  addPasskey(
    @CurrentUser() user: Principal,
    @Body() body: AddPasskeyBody,
    @Context() context: RequestContext,
  ): Promise<AddedPasskeyBody> {
    return this.passkeys.add(user, body, context);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Rename a passkey' })
  @Answers(200, PasskeyBody)
  @ApiErrors('not_found')
  renamePasskey(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Body() body: RenamePasskeyBody,
  ): Promise<PasskeyBody> {
    return this.passkeys.rename(user, id, body.name);
  }

  @Delete(':id')
  @ApiOperation({
    summary: 'Remove a passkey',
    description: 'Refused where it is the last sign-in method. With the last factor the recovery codes go too.',
  })
  @Answers(204)
  @ApiErrors('validation_failed', 'recent_sign_in_required', 'not_found', 'last_sign_in_method')
  removePasskey(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.passkeys.remove(user, id, context);
  }
}
