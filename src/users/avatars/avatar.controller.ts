import { Controller, Delete, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers, ApiErrors, CurrentUser } from '../../common/http/decorators.js';
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
  @RouteConfig({ multipart: true })
  @ApiOperation({
    summary: 'Upload a profile picture',
    description:
      'One part named `file`: JPEG, PNG, GIF or WebP of at most 40 megapixels. It is stored as WebP of at most 1024 pixels a ' +
      'side, upright, without metadata; of an animation the first frame.',
  })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: FORM })
  @Answers(200, ProfileBody)
  @ApiErrors('invalid_image', 'storage_unavailable')
  uploadMyPicture(
    @Req() request: FastifyRequest,
    @CurrentUser() principal: Principal,
    @Context() context: RequestContext,
  ): Promise<ProfileBody> {
    return this.uploads.read(request, principal.userId, (upload) => this.avatars.replace(principal, upload, context));
  }

  @Delete()
  @ApiOperation({ summary: 'Remove the profile picture' })
  @Answers(200, ProfileBody)
  deleteMyPicture(@CurrentUser() principal: Principal, @Context() context: RequestContext): Promise<ProfileBody> {
    return this.avatars.remove(principal, context);
  }
}
