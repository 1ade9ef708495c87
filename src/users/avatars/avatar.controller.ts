import { Controller, Delete, HttpCode, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiErrors, CurrentUser } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { AvatarService } from './avatar.service.js';
import { MultipartUploadReader } from './multipart-upload-reader.js';
import { ProfileBody } from '../profile.dto.js';

const FORM = { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } };

@ApiTags('profile')
@ApiBearerAuth()
@Controller('users/profile/avatar')
export class AvatarController {
  constructor(
    private readonly uploads: MultipartUploadReader,
    private readonly avatars: AvatarService,
  ) {}

  @Post()
  @HttpCode(200)
  @RouteConfig({ multipart: true })
  @ApiOperation({
    operationId: 'uploadMyPicture',
    summary: 'Upload a profile picture',
    description:
      'One part named `file`: JPEG, PNG, GIF or WebP of at most 40 megapixels. It is stored as WebP of at most 1024 pixels a ' +
      'side, upright, without metadata; of an animation the first frame.',
  })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: FORM })
  @ApiOkResponse({ type: ProfileBody })
  @ApiErrors('validation_failed', 'bad_request', 'unauthenticated', 'payload_too_large')
  @ApiErrors('request_timeout', 'unsupported_media_type', 'invalid_image', 'storage_unavailable', 'busy')
  upload(
    @Req() request: FastifyRequest,
    @CurrentUser() principal: Principal,
    @Context() context: RequestContext,
  ): Promise<ProfileBody> {
    return this.uploads.read(request, principal.userId, (upload) => this.avatars.replace(principal, upload, context));
  }

  @Delete()
  @ApiOperation({ operationId: 'deleteMyPicture', summary: 'Remove the profile picture' })
  @ApiOkResponse({ type: ProfileBody })
  @ApiErrors('unauthenticated', 'database_unavailable')
  remove(@CurrentUser() principal: Principal, @Context() context: RequestContext): Promise<ProfileBody> {
    return this.avatars.remove(principal, context);
  }
}
