import { ApiProperty } from '@nestjs/swagger';
import { TextField } from '../common/dto/text-fields.js';
import { EmailField } from '../users/emails/email.js';
import { Reason } from './user-detail.dto.js';

export class MfaResetBody {
  @ApiProperty({ format: 'date-time', description: 'When the factors are removed, unless one of them signs in before' })
  effective_at: string;
}

export class InviteUserBody {
  @EmailField()
  email: string;

  @TextField(255, 'John Doe')
  name: string;

  @Reason(() => false)
  reason?: string | null;
}

export class ChangeUserEmailBody {
  @EmailField()
  email: string;

  @Reason(() => true)
  reason: string;
}

export class ReasonBody {
  @ApiProperty({ required: true })
  @Reason(() => true)
  reason: string;
}
