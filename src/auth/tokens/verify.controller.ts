import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, CurrentUser, Public } from '../../common/http/decorators.js';
import type { Principal } from '../../common/http/request-context.js';
import { JwtGuard } from './jwt.guard.js';
import { toVerified, VerifiedBody, VerifyBody } from './verify.dto.js';

/** Token introspection for other services; the session and the user are checked too. */
@ApiTags('auth')
@Controller('auth/verify')
export class VerifyController {
  constructor(private readonly guard: JwtGuard) {}

  @Get()
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Check the access token of this request' })
  @Answers(200, VerifiedBody)
  verifyMyToken(@CurrentUser() user: Principal): VerifiedBody {
    return toVerified(user);
  }

  @Public()
  @Post()
  @ApiOperation({ summary: 'Check an access token' })
  @Answers(200, VerifiedBody)
  @ApiErrors('unauthenticated')
  async verifyToken(@Body() { token }: VerifyBody): Promise<VerifiedBody> {
    return toVerified(await this.guard.authenticate(token));
  }
}
