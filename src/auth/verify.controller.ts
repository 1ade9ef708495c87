import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser, Public } from '../common/http/decorators.js';
import type { Principal } from '../common/http/request-context.js';
import { JwtGuard } from './jwt.guard.js';
import { toVerified, VerifiedBody, VerifyBody } from './verify.dto.js';

/** Token introspection for other services; the session and the user are checked too. */
@ApiTags('auth')
@Controller('auth/verify')
export class VerifyController {
  constructor(private readonly guard: JwtGuard) {}

  @Get()
  @ApiBearerAuth()
  @ApiOperation({ operationId: 'verifyMyToken', summary: 'Check the access token of this request' })
  @ApiOkResponse({ type: VerifiedBody })
  @ApiErrors('unauthenticated')
  own(@CurrentUser() user: Principal): VerifiedBody {
    return toVerified(user);
  }

  @Public()
  @Post()
  @HttpCode(200)
  @ApiOperation({ operationId: 'verifyToken', summary: 'Check an access token' })
  @ApiOkResponse({ type: VerifiedBody })
  @ApiErrors('validation_failed', 'invalid_json', 'unauthenticated')
  async given(@Body() { token }: VerifyBody): Promise<VerifiedBody> {
    return toVerified(await this.guard.authenticate(token));
  }
}
