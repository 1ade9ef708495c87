import { ApiProperty } from '@nestjs/swagger';
import type { AuditRow } from './audit-reader.js';

const text = { type: String, nullable: true } as const;
const state = { type: Object, nullable: true, example: { is_active: true } } as const;

export class AuditEntryBody {
  @ApiProperty({ example: '4711' }) id: string;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ ...text, format: 'uuid', description: 'null: the service itself, or a stranger' }) actor_id:
    string | null;
  @ApiProperty({ ...text, format: 'uuid' }) target_id: string | null;
  @ApiProperty({ example: 'user.deactivated' }) action: string;
  @ApiProperty({ ...text, example: 'Terms violation' }) reason: string | null;
  @ApiProperty({ ...text, example: '192.0.2.1' }) ip_address: string | null;
  @ApiProperty(text) request_id: string | null;
  @ApiProperty(state) before: Record<string, unknown> | null;
  @ApiProperty(state) after: Record<string, unknown> | null;
}

export function toAuditEntry(row: AuditRow): AuditEntryBody {
  const { id, at, actor_id, target_id, action, reason, ip_address, request_id, before, after } = row;
  return { id, at: at.toISOString(), actor_id, target_id, action, reason, ip_address, request_id, before, after };
}
