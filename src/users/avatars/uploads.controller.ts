import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiErrors, Public } from '../../common/http/decorators.js';
import { AppError } from '../../common/errors.js';
import { AVATAR_TYPE, AvatarStorage, isAvatarName } from './avatar-storage.js';

/** A name is never used again, so a copy is good for ever. Nothing in a picture may run, even if a browser took it for a page. */
const HEADERS = {
  'content-type': AVATAR_TYPE,
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "sandbox; default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
};

@ApiTags('members')
@Controller('uploads')
export class UploadsController {
  /** Milliseconds that a client may take nothing of its answer, which holds a file or a picture's bytes for so long. */
  patience = 30_000;

  constructor(private readonly storage: AvatarStorage) {}

  @Public()
  @Get(':name')
  @ApiOperation({ summary: 'A profile picture' })
  @ApiProduces(AVATAR_TYPE)
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiErrors('not_found', 'storage_unavailable')
  async get(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    // The pattern also keeps every path out that would leave the folder.
    const found = isAvatarName(name) ? await this.storage.open(name) : null;
    if (!found) throw new AppError('not_found');
    // Of the connection, while it has this answer to take.
    reply.raw.setTimeout(this.patience, () => reply.raw.destroy());
    await reply.headers({ ...HEADERS, 'content-length': found.size }).send(found.content);
  }
}
