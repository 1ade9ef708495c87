import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { CodePointLength, OptionalField } from '../../common/dto/text-fields.js';
import { LinkTokenBody } from '../links.dto.js';

/** A password as it comes; the rules for new ones are checked where the account is known. */
export function PasswordField(example = 'securepassword', description?: string, required = true) {
  return applyDecorators(ApiProperty({ example, description, required }), IsString(), CodePointLength(0, 1024));
}

export class ResetPasswordBody extends LinkTokenBody {
  @PasswordField('a better password', 'Same rules as at registration')
  password: string;
}

/** The address in a form of our own: password managers file the password under it. */
function ShownEmailField() {
  const description = 'Shown again with what was wrong, and used for nothing else';
  return applyDecorators(ApiPropertyOptional({ description }), OptionalField(), IsString(), CodePointLength(0, 254));
}

export class ResetFormBody extends ResetPasswordBody {
  @ShownEmailField()
  email?: string;

  @PasswordField('a better password')
  password_repeat: string;
}

export class VerifyEmailBody extends LinkTokenBody {
  @OptionalField()
  @PasswordField('securepassword', 'Of the account: shows that who reads its mail also made it', false)
  password?: string;
}

export class VerifyFormBody extends VerifyEmailBody {
  @ShownEmailField()
  email?: string;
}

export class ChangePasswordBody {
  @PasswordField()
  current_password: string;

  @PasswordField('a better password', 'Same rules as at registration')
  new_password: string;
}
