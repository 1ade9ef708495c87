import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import type { AuditRow } from '../audit/audit-reader.js';
import { ACTIVITY_KINDS } from '../audit/security-activity.js';
import { IntParam, OptionalParam } from '../common/dto/query-params.js';
import { CodePointLength } from '../common/dto/text-fields.js';
import { ipPrefix } from '../rate-limit/ip-prefix.js';

export class SecurityActivityQuery {
  @IntParam(1, 100, 20)
  limit = 20;

  @ApiPropertyOptional({ description: '`next` of the previous page' })
  @OptionalParam()
  @IsString()
  @CodePointLength(0, 2048)
  after?: string;
}

export class SecurityActivityEntry {
  @ApiProperty({ example: '4711' }) id: string;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ enum: [...new Set(Object.values(ACTIVITY_KINDS))], description: 'What happened' }) kind: string;
  @ApiProperty({ type: String, nullable: true, example: 'Chrome on Windows', description: 'Browser and system' })
  device: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    example: '2001:db8:1:2::/64',
    description: 'IPv4 address, or IPv6 prefix',
  })
  network: string | null;
  @ApiProperty({ description: 'Whether it is the sign-in of the session of this request' }) current_session: boolean;
}

export class SecurityActivityBody {
  @ApiProperty({ type: [SecurityActivityEntry] }) entries: SecurityActivityEntry[];
  @ApiProperty({ type: String, nullable: true, description: 'Cursor for `after`; null on the last page' }) next:
    string | null;
}

/** What an administrator did is shown without their network. */
export function toActivity(row: AuditRow, current: boolean): SecurityActivityEntry {
  const { id, at, action, actor_id, target_id, ip_address, after } = row;
  const isOwn = actor_id === null || actor_id === target_id;
  return {
    id,
    at: at.toISOString(),
    kind: ACTIVITY_KINDS[action]!,
    device: (after?.device as string | undefined) ?? null,
    network: isOwn && ip_address ? ipPrefix(ip_address) : null,
    current_session: current,
  };
}
