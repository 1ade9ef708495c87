import { ApiProperty } from '@nestjs/swagger';
import { PROVIDERS } from '../../config/settings.auth.js';
import type { Identity } from './identity.entity.js';

export class IdentityBody {
  @ApiProperty({ enum: PROVIDERS }) provider: string;
  @ApiProperty({
    type: String,
    format: 'email',
    nullable: true,
    description: 'As reported by the provider when it was linked',
  })
  email: string | null;
  @ApiProperty({ format: 'date-time' }) created_at: string;
}

export class IdentitiesBody {
  @ApiProperty({ type: [IdentityBody] }) identities: IdentityBody[];
  @ApiProperty({ description: 'Whether the account has a password too' }) has_password: boolean;
}

export function toIdentityResponse({ provider, email, createdAt }: Identity): IdentityBody {
  return { provider, email, created_at: createdAt.toISOString() };
}
