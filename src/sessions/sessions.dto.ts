import { ApiProperty } from '@nestjs/swagger';
import type { Session } from './session.entity.js';

export class SessionBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ type: Object, nullable: true, example: { model: 'Pixel 9', os: 'Android 16' } })
  device_info: Record<string, unknown> | null;
  @ApiProperty({ type: String, nullable: true, example: '192.0.2.1' }) ip_address: string | null;
  @ApiProperty({ type: String, nullable: true }) user_agent: string | null;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ format: 'date-time', description: 'To the minute' }) last_used: string;
  @ApiProperty({ format: 'date-time' }) expires_at: string;
  @ApiProperty({ description: 'The session of this request' }) current: boolean;
}

export class SessionsBody {
  @ApiProperty({ type: [SessionBody] }) sessions: SessionBody[];
}

/** @param currentId the session that asks */
export function toSession(session: Session, currentId: string | null): SessionBody {
  return {
    id: session.id,
    device_info: session.deviceInfo,
    ip_address: session.ipAddress,
    user_agent: session.userAgent,
    created_at: session.createdAt.toISOString(),
    last_used: session.lastUsed.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    current: session.id === currentId,
  };
}
