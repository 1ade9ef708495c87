import { Body, Controller, Delete, Get, HttpCode, Post, Put } from '@nestjs/common';
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
  @ApiOperation({ operationId: 'listMyPasskeys', summary: 'The own passkeys' })
  @ApiOkResponse({ type: PasskeysBody })
  @ApiErrors('unauthenticated')
  async list(@CurrentUser() { userId }: Principal): Promise<PasskeysBody> {
    return { passkeys: await this.passkeys.list(userId) };
  }

  @Post('options')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'startPasskey',
    summary: 'Options to create a passkey',
    description:
      'For `navigator.credentials.create`; valid for five minutes. The address of the account must be confirmed.',
  })
  @ApiOkResponse({ type: OptionsBody })
  @ApiErrors('unauthenticated', 'recent_sign_in_required', 'email_not_verified')
  options(@CurrentUser() user: Principal): Promise<OptionsBody> {
    return this.passkeys.options(user);
  }

  @Post()
  @ApiOperation({ operationId: 'addPasskey', summary: 'Add the passkey that the browser created' })
  @ApiCreatedResponse({ type: AddedPasskeyBody })
  @ApiErrors('validation_failed', 'bad_request', 'invalid_json', 'invalid_code', 'unauthenticated')
  @ApiErrors('recent_sign_in_required', 'email_not_verified')
  add(
    @CurrentUser() user: Principal,
    @Body() body: AddPasskeyBody,
    @Context() context: RequestContext,
  ): Promise<AddedPasskeyBody> {
    return this.passkeys.add(user, body, context);
  }

  @Put(':id')
  @ApiOperation({ operationId: 'renamePasskey', summary: 'Rename a passkey' })
  @ApiOkResponse({ type: PasskeyBody })
  @ApiErrors('validation_failed', 'unauthenticated', 'not_found')
  rename(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Body() body: RenamePasskeyBody,
  ): Promise<PasskeyBody> {
    return this.passkeys.rename(user, id, body.name);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'removePasskey',
    summary: 'Remove a passkey',
    description: 'Refused where it is the last sign-in method. With the last factor the recovery codes go too.',
  })
  @ApiNoContentResponse()
  @ApiErrors('validation_failed', 'unauthenticated', 'recent_sign_in_required', 'not_found', 'last_sign_in_method')
  remove(
    @CurrentUser() user: Principal,
    @UuidParam('id') id: string,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.passkeys.remove(user, id, context);
  }
}
