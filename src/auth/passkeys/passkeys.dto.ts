import { ApiProperty, IntersectionType, PickType } from '@nestjs/swagger';
import { DeviceBody, RegisterBody, TokenBody } from '../auth.dto.js';
import { FactorNameField, FirstFactorBody, RECOVERY_CODES } from '../mfa/mfa.dto.js';
import { CredentialField } from './credential-field.js';
import type { Passkey } from './passkey.entity.js';

const json = { type: Object, additionalProperties: true } as const;

export class OptionsBody {
  @ApiProperty({
    ...json,
    description: 'For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`',
  })
  options: object;
}

export class AddPasskeyBody {
  @FactorNameField('My laptop')
  name?: string;

  @CredentialField()
  credential: Record<string, unknown>;
}

export class RenamePasskeyBody extends PickType(AddPasskeyBody, ['name']) {}

export class PasskeyLoginBody extends DeviceBody {
  @CredentialField()
  credential: Record<string, unknown>;
}

export class PasskeySignUpOptionsBody extends PickType(RegisterBody, ['email', 'name']) {}

export class PasskeySignUpBody extends TokenBody {
  @ApiProperty(RECOVERY_CODES) recovery_codes: string[];
}

export class PasskeyBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ example: 'My laptop' }) name: string;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) last_used: string | null;
  @ApiProperty({ description: 'Whether it is stored in more than one place' }) backed_up: boolean;
  @ApiProperty({ type: [String], example: ['internal'], description: 'How the authenticator is reached' })
  transports: string[];
}

export class AddedPasskeyBody extends IntersectionType(PasskeyBody, FirstFactorBody) {}

export class PasskeysBody {
  @ApiProperty({ type: [PasskeyBody], description: 'Oldest first' }) passkeys: PasskeyBody[];
}

export class RelatedOriginsBody {
  @ApiProperty({ type: [String], description: 'Origins that may use passkeys of this service' }) origins: string[];
}

export function toPasskeyResponse(passkey: Passkey): PasskeyBody {
  return {
    id: passkey.id,
    name: passkey.name,
    created_at: passkey.createdAt.toISOString(),
    last_used: passkey.lastUsedAt?.toISOString() ?? null,
    backed_up: passkey.backedUp,
    transports: passkey.transports,
  };
}
