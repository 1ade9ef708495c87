import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, IntersectionType, PartialType } from '@nestjs/swagger';
import { IsIn, IsString, ValidateIf } from 'class-validator';
import { CodePointLength, NormalizedText, OptionalField, ShownText } from '../../common/dto/text-fields.js';
import { DeviceBody, TokenBody } from '../auth.dto.js';
import { CredentialField } from '../passkeys/credential-field.js';

export const MFA_METHODS = ['totp', 'recovery_code', 'passkey'] as const;
export type MfaMethod = (typeof MFA_METHODS)[number];

export const MAX_CODE_CHARS = 64;
const methods = { enum: MFA_METHODS, isArray: true, example: ['totp', 'recovery_code'] } as const;

/** The name that the user gives a factor. */
export function FactorNameField(example: string) {
  const property = ApiPropertyOptional({ example, minLength: 1, maxLength: 100 });
  return applyDecorators(property, NormalizedText(), OptionalField(), ShownText(1, 100));
}

export function CodeField() {
  const description = 'Six digits of an authenticator app, or a recovery code';
  return applyDecorators(
    ApiPropertyOptional({ description, example: '123456' }),
    IsString(),
    CodePointLength(0, MAX_CODE_CHARS),
  );
}

export class StartTotpBody {
  @FactorNameField('My phone')
  name?: string;
}

export class TotpSecretBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ description: 'Base32, to type in', example: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' }) secret: string;
  @ApiProperty({ description: 'For a QR code', example: 'otpauth://totp/Meetinity:user%40example.com?secret=…' })
  uri: string;
}

export class ConfirmTotpBody {
  @ApiProperty({ example: '123456' })
  @IsString()
  @CodePointLength(0, MAX_CODE_CHARS)
  code: string;
}

export const RECOVERY_CODES = {
  type: [String] as [typeof String],
  example: ['7H2K-9QWE-R4TY-M8NB'],
  description: 'Shown once; each works once',
};

export class RecoveryCodesBody {
  @ApiProperty(RECOVERY_CODES) recovery_codes: string[];
}

export class FirstFactorBody {
  @ApiPropertyOptional({ ...RECOVERY_CODES, description: 'With the first factor of the account' })
  recovery_codes?: string[];
}

export class FactorBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ enum: ['totp', 'passkey'] }) type: 'totp' | 'passkey';
  @ApiProperty({ example: 'My phone' }) name: string;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) last_used: string | null;
}

export class MfaBody {
  @ApiProperty() enabled: boolean;
  @ApiProperty({ type: [FactorBody] }) factors: FactorBody[];
  @ApiProperty({ example: 10 }) recovery_codes_left: number;
}

/** The first step of a sign-in to an account with a factor. Seconds. */
export interface MfaRequired {
  mfa_required: true;
  mfa_token: string;
  expires_in: number;
  methods: MfaMethod[];
}

/** Tokens or, for an account with a factor, what `POST /auth/mfa/verify` needs. */
export class SignInBody extends PartialType(TokenBody) {
  @ApiProperty({ description: 'True where `POST /auth/mfa/verify` must follow, and there are no tokens yet' })
  mfa_required: boolean;
  @ApiPropertyOptional({ description: 'Valid for `expires_in` seconds' }) mfa_token?: string;
  @ApiPropertyOptional(methods) methods?: MfaMethod[];
}

export class MfaOptionsBody {
  @ApiProperty()
  @IsString()
  mfa_token: string;
}

export class VerifyMfaBody extends IntersectionType(MfaOptionsBody, DeviceBody) {
  @ApiProperty({ enum: MFA_METHODS })
  @IsIn(MFA_METHODS)
  method: MfaMethod;

  @ValidateIf(({ method }: VerifyMfaBody) => method !== 'passkey')
  @CodeField()
  code?: string;

  @ValidateIf(({ method }: VerifyMfaBody) => method === 'passkey')
  @CredentialField(false)
  credential?: Record<string, unknown>;
}
