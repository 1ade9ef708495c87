import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import type { Principal } from '../../common/http/request-context.js';

export class VerifyBody {
  @ApiProperty({ description: 'An access token' })
  @IsString()
  token: string;
}

export class VerifiedBody {
  @ApiProperty({ enum: [true] }) valid: true;
  @ApiProperty({ format: 'uuid', description: 'The user' }) sub: string;
  @ApiProperty({ example: 1_795_622_400, description: 'When the token ends, Unix seconds' }) exp: number;
  @ApiProperty({ format: 'uuid', description: 'The session' }) sid: string;
  @ApiProperty({ enum: ['user', 'moderator', 'admin'], description: 'As it is now, not as the token says' })
  role: string;
}

export function toVerified({ userId, sessionId, role, expires }: Principal): VerifiedBody {
  return { valid: true, sub: userId, exp: expires, sid: sessionId, role };
}
