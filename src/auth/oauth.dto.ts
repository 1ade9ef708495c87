import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { Characters, Omittable } from '../common/fields.js';
import { DeviceBody } from './auth.dto.js';

/** Codes of the providers are a few hundred characters at most. */
const MAX_CODE = 4096;

/** Nothing has to be said to start a sign-in. */
export class StartBody {}

export class AuthUrlBody {
  @ApiProperty({ example: 'https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state=…' }) auth_url: string;
  @ApiProperty({ description: 'Compare it with the state that comes back' }) state: string;
}

export class CallbackBody {
  @ApiProperty({ description: 'As the provider gave it', maxLength: MAX_CODE })
  @IsString()
  @Characters(0, MAX_CODE)
  code: string;

  // Optional to the validator only: a missing state is answered like a wrong one.
  @ApiProperty({ description: 'As the provider gave it back' })
  @Omittable()
  @IsString()
  state?: string;
}

export class ExchangeBody extends DeviceBody {
  @ApiProperty({ description: 'From the query of the redirect; good for 60 seconds and one use' })
  @IsString()
  @Characters(0, MAX_CODE)
  code: string;
}
