import { Controller, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsInt, IsNumber, IsOptional, IsString, Max, Min } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { ObjectField } from '../common/dto/list-fields.js';
import { invalidField } from '../common/errors.js';
import { Answers, ApiErrors, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { RequestValidationPipe } from '../common/http/request-validation.pipe.js';
import type { Crop } from '../users/avatars/avatar-images.js';
import { AvatarService } from '../users/avatars/avatar.service.js';
import { Collect, MultipartUploadReader, Upload } from '../users/avatars/multipart-upload-reader.js';
import { readDataUrl, requirePicture } from './data-url-upload.js';

/** Of a body whose picture has 8 MiB: base64 writes three bytes as four characters. */
const MAX_BODY_BYTES = Math.ceil((8 * 1024 * 1024) / 3) * 4 + 4096;
const MAX_SIDE_PX = 100_000;
const RELATIVE = 'where width and height are 1, the place from -1 over 0, the centre, to 1';

class CropBody {
  @ApiProperty({ example: 0, description: `Pixels from the left; ${RELATIVE}` })
  @IsNumber()
  @Min(-1)
  @Max(MAX_SIDE_PX)
  x: number;
  @ApiProperty({ example: 0, description: `Pixels from the top; ${RELATIVE}` })
  @IsNumber()
  @Min(-1)
  @Max(MAX_SIDE_PX)
  y: number;
  @ApiProperty({ type: 'integer', example: 400 }) @IsInt() @Min(1) @Max(MAX_SIDE_PX) width: number;
  @ApiProperty({ type: 'integer', example: 400 }) @IsInt() @Min(1) @Max(MAX_SIDE_PX) height: number;
  @ApiPropertyOptional({
    format: 'double',
    description: 'Where width and height are 1, how many times the picture is enlarged; else without effect',
  })
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
  @IsOptional() @ObjectField(() => CropBody) crop?: CropBody;
  @ApiPropertyOptional() @IsOptional() @IsString() fileName?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() mimeType?: string;
  @ApiPropertyOptional({ type: 'integer', description: 'Bytes' }) @IsOptional() @IsNumber() size?: number;
}

class MobileAvatar {
  @ApiProperty({ description: 'Where the stored picture is' }) url: string;
}

const pipe = new RequestValidationPipe();

/** The app's own editor knows no pixels: its width and height are always 1, and stand for the whole picture. */
function readCrop({ x, y, width, height, scale = 1, rotation = 0 }: CropBody): Crop {
  if (width === 1 && height === 1) return { x: Math.min(x, 1), y: Math.min(y, 1), scale: Math.max(scale, 1), rotation };
  for (const [name, value] of Object.entries({ x, y })) {
    if (!Number.isInteger(value)) throw invalidField(`crop.${name}`, 'invalid_type', `${name} must be whole pixels`);
    if (value < 0) throw invalidField(`crop.${name}`, 'too_small', `${name} must not be less than 0`);
  }
  return { x, y, width, height, rotation };
}

async function readUpload(request: FastifyRequest, collect: Collect): Promise<Upload> {
  const { bytes, subtype, body } = await readDataUrl(request, collect);
  const { crop } = pipe.transform(body, { type: 'body', metatype: MobileAvatarBody }) as MobileAvatarBody;
  requirePicture({ bytes, subtype });
  return { bytes, extension: subtype, crop: crop && readCrop(crop) };
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
      (upload) => {
        // The media type of a JPEG is always `jpeg`.
        this.uploads.requireAllowed(upload.extension, ...(upload.extension === 'jpeg' ? ['jpg'] : []));
        return this.avatars.replace(principal, upload, context);
      },
    );
    return { url: url! };
  }
}
