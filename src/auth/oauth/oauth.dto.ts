import { ApiProperty, ApiPropertyOptional, IntersectionType, PickType } from '@nestjs/swagger';
import { IsString, Matches } from 'class-validator';
import { CodePointLength, OptionalField } from '../../common/dto/text-fields.js';
import { DeviceBody } from '../auth.dto.js';

/** Providers' codes have a few hundred characters. */
const MAX_CODE_CHARS = 4096;

/** RFC 7636, §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export class StartBody {}

export class AuthUrlBody {
  @ApiProperty({ example: 'https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state=…' }) auth_url: string;
  @ApiProperty({ description: 'Compare it with the state of the callback' }) state: string;
}

export class CallbackBody {
  @ApiProperty({ description: 'As the provider returned it', maxLength: MAX_CODE_CHARS })
  @IsString()
  @CodePointLength(0, MAX_CODE_CHARS)
  code: string;

  // A missing state is answered like a wrong one, with `invalid_state`.
  @ApiProperty({ description: 'As the provider returned it' })
  @OptionalField()
  @IsString()
  state?: string;

  @ApiPropertyOptional({
    description: 'Required if the start had a `code_challenge` (RFC 7636)',
    minLength: 43,
    maxLength: 128,
  })
  @OptionalField()
  @Matches(VERIFIER)
  code_verifier?: string;
}

export class ExchangeBody extends IntersectionType(DeviceBody, PickType(CallbackBody, ['code_verifier'])) {
  @ApiProperty({ description: 'From the query of the redirect; valid once, for 60 seconds' })
  @IsString()
  @CodePointLength(0, MAX_CODE_CHARS)
  code: string;
}
