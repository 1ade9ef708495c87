import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches } from 'class-validator';
import { CodePointLength, OptionalField } from '../../common/dto/text-fields.js';
import { DeviceBody } from '../auth.dto.js';

/** Codes of the providers are a few hundred characters at most. */
const MAX_CODE_CHARS = 4096;

const CODE_VERIFIER = {
  description: 'Where the start carried a `code_challenge`: what that is the SHA-256 of (RFC 7636)',
  minLength: 43,
  maxLength: 128,
};

/** RFC 7636, §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

/** Nothing has to be said to start a sign-in. */
export class StartBody {}

export class AuthUrlBody {
  @ApiProperty({ example: 'https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state=…' }) auth_url: string;
  @ApiProperty({ description: 'Compare it with the state that comes back' }) state: string;
}

export class CallbackBody {
  @ApiProperty({ description: 'As the provider gave it', maxLength: MAX_CODE_CHARS })
  @IsString()
  @CodePointLength(0, MAX_CODE_CHARS)
  code: string;

  // Optional to the validator only: a missing state is answered like a wrong one.
  @ApiProperty({ description: 'As the provider gave it back' })
  @OptionalField()
  @IsString()
  state?: string;

  @ApiPropertyOptional(CODE_VERIFIER)
  @OptionalField()
  @Matches(VERIFIER)
  code_verifier?: string;
}

export class ExchangeBody extends DeviceBody {
  @ApiProperty({ description: 'From the query of the redirect; good for 60 seconds and one use' })
  @IsString()
  @CodePointLength(0, MAX_CODE_CHARS)
  code: string;
  @ApiPropertyOptional(CODE_VERIFIER)
  @OptionalField()
  @Matches(VERIFIER)
  code_verifier?: string;
}
