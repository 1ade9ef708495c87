import { Controller, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsNumber, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { Answers, ApiErrors, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { RequestValidationPipe } from '../common/http/request-validation.pipe.js';
import { AvatarService } from '../users/avatars/avatar.service.js';
import { Collect, MultipartUploadReader, Upload } from '../users/avatars/multipart-upload-reader.js';
import { readDataUrl, requirePicture } from './data-url-upload.js';

/** Of a body whose picture has 8 MiB: base64 writes three bytes as four characters. */
const MAX_BODY_BYTES = Math.ceil((8 * 1024 * 1024) / 3) * 4 + 4096;
const MAX_SIDE_PX = 100_000;

class CropBody {
  @ApiProperty({ type: 'integer', example: 0, description: 'Pixels from the left' })
  @IsInt()
  @Min(0)
  @Max(MAX_SIDE_PX)
  x: number;
  @ApiProperty({ type: 'integer', example: 0, description: 'Pixels from the top' })
  @IsInt()
  @Min(0)
  @Max(MAX_SIDE_PX)
  y: number;
  @ApiProperty({ type: 'integer', example: 400 }) @IsInt() @Min(1) @Max(MAX_SIDE_PX) width: number;
  @ApiProperty({ type: 'integer', example: 400 }) @IsInt() @Min(1) @Max(MAX_SIDE_PX) height: number;
  @ApiPropertyOptional({ format: 'double', description: 'Of the editor; the other values are pixels already' })
  @IsOptional()
  @IsNumber()
  scale?: number;
  @ApiPropertyOptional({ format: 'double', description: 'Degrees, clockwise, of the upright picture', example: 90 })
  @IsOptional()
  @IsNumber()
  @Min(-360)
  @Max(360)
  rotation?: number;
}

class MobileAvatarBody {
  @ApiProperty({ description: 'Data URL in base64', example: 'data:image/jpeg;base64,…' }) @IsString() image: string;
  @ApiPropertyOptional({ type: CropBody }) @IsOptional() @Type(() => CropBody) @ValidateNested() crop?: CropBody;
  @ApiPropertyOptional() @IsOptional() @IsString() fileName?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() mimeType?: string;
  @ApiPropertyOptional({ type: 'integer', description: 'Bytes' }) @IsOptional() @IsNumber() size?: number;
}

class MobileAvatar {
  @ApiProperty({ description: 'Where the stored picture is' }) url: string;
}

const pipe = new RequestValidationPipe();

async function readUpload(request: FastifyRequest, collect: Collect): Promise<Upload> {
  const { bytes, subtype, body } = await readDataUrl(request, collect);
  const { crop } = pipe.transform(body, { type: 'body', metatype: MobileAvatarBody }) as MobileAvatarBody;
  requirePicture({ bytes, subtype });
  return { bytes, extension: subtype, crop: crop && { ...crop, rotation: crop.rotation ?? 0 } };
}

@ApiTags('platform apps')
@ApiBearerAuth()
@Controller('profile/avatar')
export class MobileAvatarController {
  constructor(
    private readonly uploads: MultipartUploadReader,
    private readonly avatars: AvatarService,
  ) {}

  @Post()
  @RouteConfig({ streamedBytes: MAX_BODY_BYTES })
  @ApiOperation({
    summary: 'Upload a profile picture as a data URL',
    description: 'JPEG, PNG, GIF or WebP of at most 8 MiB, cut to `crop`; the rest of the body has at most 4 KiB.',
  })
  @ApiBody({ type: MobileAvatarBody })
  @Answers(201, MobileAvatar)
  @ApiErrors('invalid_image', 'storage_unavailable')
  async uploadMobileAvatar(
    @Req() request: FastifyRequest,
    @CurrentUser() principal: Principal,
    @Context() context: RequestContext,
  ): Promise<MobileAvatar> {
    const { profile_picture_url: url } = await this.uploads.receive(
      request,
      principal.userId,
      (collect) => readUpload(request, collect),
      (upload) => this.avatars.replace(principal, upload, context),
    );
    return { url: url! };
  }
}
