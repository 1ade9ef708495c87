import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { CodePointLength, OptionalField } from '../../common/dto/text-fields.js';
import { LinkTokenBody } from '../email/links.dto.js';
import { CredentialInForm, OptionalCredentialField } from '../passkeys/credential-field.js';

/** New passwords are checked by `PasswordRules`, which knows the account; at sign-in a password of any length is only wrong. */
export function PasswordField(example = 'securepassword', description?: string, required = true) {
  return applyDecorators(ApiProperty({ example, description, required }), IsString());
}

export class ResetPasswordBody extends LinkTokenBody {
  @PasswordField('a better password', 'Same rules as at registration')
  password: string;

  @ApiPropertyOptional({
    description: 'Required, or else `credential`, if the account has a passkey and nothing else to sign in with',
  })
  @OptionalField()
  @IsString()
  @CodePointLength(0, 64)
  recovery_code?: string;

  /** Answers the challenge of `POST /auth/passkeys/options`. */
  @OptionalCredentialField()
  credential?: Record<string, unknown>;
}

/** The account's address in the forms of the pages, for password managers. */
function ShownEmailField() {
  const description = 'Only shown again with an error message';
  return applyDecorators(ApiPropertyOptional({ description }), OptionalField(), IsString(), CodePointLength(0, 254));
}

export class ResetFormBody extends ResetPasswordBody {
  @ShownEmailField()
  email?: string;

  @PasswordField('a better password')
  password_repeat: string;

  @CredentialInForm()
  declare credential?: Record<string, unknown>;
}

export class VerifyEmailBody extends LinkTokenBody {
  @OptionalField()
  @PasswordField('securepassword', 'Proves that the owner of the address created the account', false)
  password?: string;

  /** Proves the same of a passkey; answers the challenge of `POST /auth/passkeys/options`. */
  @OptionalCredentialField()
  credential?: Record<string, unknown>;
}

export class VerifyFormBody extends VerifyEmailBody {
  @ShownEmailField()
  email?: string;

  @CredentialInForm()
  declare credential?: Record<string, unknown>;
}

export class ChangePasswordBody {
  @PasswordField()
  current_password: string;

  @PasswordField('a better password', 'Same rules as at registration')
  new_password: string;
}
