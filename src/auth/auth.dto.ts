import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, isObject, IsObject, IsOptional, IsString } from 'class-validator';
import { OptionalField, Satisfies, TextField } from '../common/dto/text-fields.js';
import { toLine } from '../common/dto/text.js';
import { AccountEmailField, EmailField } from '../users/emails/email.js';
import { ProfileBody } from '../users/profile.dto.js';
import { PasswordField } from './passwords/password.dto.js';

/** Of JSON. */
const DEVICE_INFO_BYTES = 2048;

/** Texts are cleaned rather than refused: an odd device name must not prevent a sign-in. */
function clean(value: unknown): unknown {
  if (typeof value === 'string') return toLine(value, DEVICE_INFO_BYTES);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, clean(inner)]));
}

const fitsDeviceInfo = (value: unknown) => Buffer.byteLength(JSON.stringify(value) ?? '') <= DEVICE_INFO_BYTES;

/** `device_info` defaults to the user agent. */
export class DeviceBody {
  @ApiPropertyOptional({
    type: Object,
    additionalProperties: true,
    nullable: true,
    example: { model: 'Pixel 9', os: 'Android 16' },
  })
  // Cleaning takes time by the length: what the checks below refuse is left as it is.
  @Transform(({ value }) => (isObject(value) && fitsDeviceInfo(value) ? clean(value) : value))
  @IsOptional()
  @IsObject()
  @Satisfies(fitsDeviceInfo, 'too_large', `must be at most ${DEVICE_INFO_BYTES} bytes of JSON`)
  device_info?: Record<string, unknown>;
}

export class RegisterBody extends DeviceBody {
  @EmailField()
  email: string;

  @TextField(255, 'John Doe')
  name: string;

  @PasswordField('securepassword', '8 to 128 characters that are hard to guess')
  password: string;
}

export class LoginBody extends DeviceBody {
  @AccountEmailField()
  email: string;

  @PasswordField()
  password: string;
}

export class LogoutBody {
  @ApiPropertyOptional({ description: 'true ends every session of the user' })
  @OptionalField()
  @IsBoolean()
  all?: boolean;
}

export class RefreshBody {
  @ApiProperty({ description: 'The latest refresh token of the session' })
  @IsString()
  refresh_token: string;
}

/** The answer of every sign-in: registration, password, refresh, provider. Times in seconds. */
export class TokenBody {
  @ApiProperty() access_token: string;
  @ApiProperty({ description: 'Same as access_token, for older clients' }) token: string;
  @ApiProperty({ enum: ['Bearer'] }) token_type: string;
  @ApiProperty({ example: 86_400 }) expires_in: number;
  @ApiProperty() refresh_token: string;
  @ApiProperty({ example: 2_592_000 }) refresh_expires_in: number;
  @ApiProperty({ type: ProfileBody }) user: ProfileBody;
}
