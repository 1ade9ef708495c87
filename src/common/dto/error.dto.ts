import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ERRORS, RULES } from '../errors.js';

class ErrorDetailBody {
  @ApiProperty({ example: 'email' })
  field: string;

  @ApiProperty({ enum: RULES, example: 'invalid_format', description: 'What is wrong, in a stable word' })
  rule: string;

  @ApiProperty({ example: 'email must be an e-mail address' })
  message: string;
}

class ErrorPart {
  @ApiProperty({ example: 400, description: 'The HTTP status' })
  code: number;

  @ApiProperty({ enum: Object.keys(ERRORS), example: 'validation_failed' })
  type: string;

  @ApiProperty({ example: 'Some fields are not valid' })
  message: string;

  @ApiProperty({ type: [ErrorDetailBody] })
  details: ErrorDetailBody[];
}

/** The OpenAPI schema of `errorBody`. */
export class ErrorBody {
  @ApiProperty({ type: ErrorPart })
  error: ErrorPart;

  @ApiProperty({ example: 'Some fields are not valid' })
  message: string;

  @ApiProperty({ example: '5f0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b11' })
  request_id: string;

  @ApiPropertyOptional({ description: 'With `mfa_required` of a sign-in: for `POST /auth/mfa/verify`' })
  mfa_token?: string;

  @ApiPropertyOptional({ description: 'Seconds that the `mfa_token` is valid', example: 300 })
  expires_in?: number;

  @ApiPropertyOptional({ type: [String], example: ['totp', 'passkey'], description: 'What can prove who you are' })
  methods?: string[];
}
