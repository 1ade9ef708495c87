import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import type { RequestContext } from '../common/http/request-context.js';
import { ipPrefix } from '../rate-limit/ip-prefix.js';
import type { User } from '../users/user.entity.js';
import { clientKind } from './client-kind.js';
import { KEPT_DAYS } from './expired-sessions.js';

const DAY_MS = 86_400_000;

/** What the stored sessions of a user, ended ones included, tell of the client of a request. */
@Injectable()
export class KnownDevices {
  constructor(private readonly database: DataSource) {}

  /**
   * Whether no stored session of the user has this kind of client and network. The first session of an account is not new;
   * ended sessions are deleted after a while, so the account of a first session is younger.
   */
  async isNew(tx: EntityManager, user: User, { userAgent, ipAddress }: RequestContext): Promise<boolean> {
    const earlier = await tx.query<{ agent: string | null; near: boolean | null }[]>(
      `SELECT DISTINCT user_agent AS agent, ip_address <<= $2::inet AS near FROM user_sessions WHERE user_id = $1`,
      [user.id, ipPrefix(ipAddress)],
    );
    const known = earlier.some(({ agent, near }) => near && clientKind(agent) === clientKind(userAgent));
    const isFirst = earlier.length === 0 && Date.now() - +user.createdAt < KEPT_DAYS * DAY_MS;
    return !known && !isFirst;
  }

  /** Whether the user has signed in from the client's network, as far as sessions are still stored. */
  async hasNetwork(userId: string, { ipAddress, behindProxy }: RequestContext): Promise<boolean> {
    // Behind a proxy that hides them, all clients look like one.
    if (behindProxy) return false;
    const text = 'SELECT FROM user_sessions WHERE user_id = $1 AND ip_address <<= $2::inet LIMIT 1';
    return (await this.database.query<unknown[]>(text, [userId, ipPrefix(ipAddress)])).length > 0;
  }
}
