import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { CodePointLength, OptionalField } from '../../common/dto/text-fields.js';
import { AccountEmailField, EmailField } from '../../users/emails/email.js';

/** Any string: a malformed token is answered like an unknown one. */
function TokenField() {
  return applyDecorators(ApiProperty({ example: 'Zk0x7mZ1m3xw4n0m0m1S8yq0Jz1t4cQ2p5v6w7x8y9A' }), IsString());
}

export class EmailBody {
  @AccountEmailField()
  email: string;
}

export class ChangeEmailBody {
  @EmailField()
  email: string;

  @ApiPropertyOptional({ description: 'Confirms that it is the user', example: 'securepassword' })
  @OptionalField()
  @IsString()
  @CodePointLength(0, 1024)
  password?: string;
}

export class LinkTokenBody {
  @TokenField()
  token: string;
}

/** The same answer with and without an account. */
export class AcceptedBody {
  @ApiProperty({ example: 'If there is something to send to this address, it is on its way.' })
  message: string;
}

export const ACCEPTED: AcceptedBody = { message: 'If there is something to send to this address, it is on its way.' };
