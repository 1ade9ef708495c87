import { ApiProperty } from '@nestjs/swagger';
import type { Session } from './session.entity.js';

export class SessionBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ type: Object, nullable: true, example: { model: 'Pixel 9', os: 'Android 16' } })
  device_info: Record<string, unknown> | null;
  @ApiProperty({ type: String, nullable: true, example: '192.0.2.1' }) ip_address: string | null;
  @ApiProperty({ type: String, nullable: true }) user_agent: string | null;
  @ApiProperty({ format: 'date-time' }) created_at: string;
  @ApiProperty({ format: 'date-time', description: 'Truncated to the hour' }) last_used: string;
  @ApiProperty({
    format: 'date-time',
    description: 'Truncated to the day; a refresh moves it on the next day at the earliest',
  })
  expires_at: string;
  @ApiProperty({ format: 'date-time', description: 'The session ends then, however often it is refreshed' })
  ends_at: string;
  @ApiProperty({ description: 'True for the session of this request' }) current: boolean;
}

export class SessionsBody {
  @ApiProperty({ type: [SessionBody] }) sessions: SessionBody[];
}

const dayOf = (time: Date) => time.toISOString().slice(0, 10);

/**
 * The expiry as of the start of the day (UTC): if it moved with each refresh, a thief of a refresh token could see when to
 * replay it within the grace period.
 */
function shownExpiry({ rotatedAt, previousExpiresAt, expiresAt }: Session): Date {
  const rotatedToday = rotatedAt !== null && dayOf(rotatedAt) === dayOf(new Date());
  return (rotatedToday && previousExpiresAt) || expiresAt;
}

/** @param currentId the session of the request */
export function toSession(session: Session, currentId: string | null): SessionBody {
  return {
    id: session.id,
    device_info: session.deviceInfo,
    ip_address: session.ipAddress,
    user_agent: session.userAgent,
    created_at: session.createdAt.toISOString(),
    last_used: `${session.lastUsed.toISOString().slice(0, 13)}:00:00.000Z`,
    expires_at: `${dayOf(shownExpiry(session))}T00:00:00.000Z`,
    ends_at: session.endsAt.toISOString(),
    current: session.id === currentId,
  };
}
