import { ApiProperty } from '@nestjs/swagger';
import type { Session } from './session.entity.js';

export class SessionBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ type: Object, nullable: true, example: { model: 'Pixel 9', os: 'Android 16' } })
  device_info: Record<string, unknown> | null;
  @ApiProperty({ type: String, nullable: true, example: '192.0.2.1' }) ip_address: string | null;
  @ApiProperty({ type: String, nullable: true }) user_agent: string | null;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ format: 'date-time', description: 'By the hour' }) last_used: string;
  @ApiProperty({ format: 'date-time', description: 'By the day; a refresh moves it from the next day on' })
  expires_at: string;
  @ApiProperty({ description: 'The session of this request' }) current: boolean;
}

export class SessionsBody {
  @ApiProperty({ type: [SessionBody] }) sessions: SessionBody[];
}

const dayOf = (time: Date) => time.toISOString().slice(0, 10);

/**
 * The end as of the beginning of the day (UTC): one that moved with each refresh would tell who has copied a refresh token
 * when to use it within the grace.
 */
function shownEnd({ rotatedAt, previousExpiresAt, expiresAt }: Session): Date {
  const rotatedToday = rotatedAt !== null && dayOf(rotatedAt) === dayOf(new Date());
  return (rotatedToday && previousExpiresAt) || expiresAt;
}

/** @param currentId the session that asks */
export function toSession(session: Session, currentId: string | null): SessionBody {
  return {
    id: session.id,
    device_info: session.deviceInfo,
    ip_address: session.ipAddress,
    user_agent: session.userAgent,
    created_at: session.createdAt.toISOString(),
    last_used: `${session.lastUsed.toISOString().slice(0, 13)}:00:00.000Z`,
    expires_at: `${dayOf(shownEnd(session))}T00:00:00.000Z`,
    current: session.id === currentId,
  };
}
