import { ApiProperty, ApiPropertyOptional, PickType } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { CodePointLength, OptionalField } from '../../common/dto/text-fields.js';
import { TokenBody } from '../auth.dto.js';
import { CodeField } from '../mfa/mfa.dto.js';
import { OptionalCredentialField } from '../passkeys/credential-field.js';

/** Exactly one of the fields. */
export class ReauthenticateBody {
  @ApiPropertyOptional({ description: 'For an account without a second factor', example: 'securepassword' })
  @OptionalField()
  @IsString()
  @CodePointLength(0, 1024)
  password?: string;

  @OptionalField()
  @CodeField()
  code?: string;

  @OptionalCredentialField()
  credential?: Record<string, unknown>;
}

export class ReauthenticatedBody extends PickType(TokenBody, ['access_token', 'token', 'token_type', 'expires_in']) {
  @ApiProperty({ description: 'The claim of the new access token: now, in Unix seconds', example: 1_790_000_000 })
  auth_time: number;
}
