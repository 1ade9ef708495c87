import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiErrors, Public } from '../../common/http/decorators.js';
import { AppError } from '../../common/errors.js';
import { AVATAR_TYPE, AvatarStorage, isAvatarName } from './avatar-storage.js';

/** Immutable, as names are never reused; sandboxed, should a browser take a picture for a page. */
const HEADERS = {
  'content-type': AVATAR_TYPE,
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "sandbox; default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
};

@ApiTags('members')
@Controller('uploads')
export class UploadsController {
  /** Milliseconds without progress after which a slow reader is disconnected: it holds a file handle or the picture's bytes. */
  patience = 30_000;

  constructor(private readonly storage: AvatarStorage) {}

  @Public()
  @Get(':name')
  @ApiOperation({ summary: 'A profile picture' })
  @ApiProduces(AVATAR_TYPE)
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiErrors('not_found', 'storage_unavailable')
  async getPicture(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    // The name's pattern also prevents path traversal.
    const found = isAvatarName(name) ? await this.storage.open(name) : null;
    if (!found) throw new AppError('not_found');
    reply.raw.setTimeout(this.patience, () => reply.raw.destroy());
    await reply.headers({ ...HEADERS, 'content-length': found.size }).send(found.content);
  }
}
