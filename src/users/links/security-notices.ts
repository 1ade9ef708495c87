import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { deviceOf } from '../../common/http/device.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Notice } from '../../mail/locales/texts.js';
import type { Mail } from '../../mail/mail.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { ipPrefix } from '../../rate-limit/ip-prefix.js';
import type { User } from '../user.entity.js';
import { OneTimeTokens } from './one-time-tokens.js';

interface NoticeOptions {
  at?: Date;
  /** At most one mail an hour of this kind: anyone can cause them. */
  bundled?: boolean;
}

/** Mails users what happened to the security of their account, with a link that undoes it. */
@Injectable()
export class SecurityNotices {
  constructor(
    private readonly tokens: OneTimeTokens,
    private readonly mails: MailQueue,
  ) {}

  /**
   * @param user before the event, in whose transaction this is called
   * @param context null if another person acted, whose device and network are private
   */
  async add(
    tx: EntityManager,
    user: Pick<User, 'id' | 'email' | 'mfaEnabled'>,
    context: RequestContext | null,
    compose: (notice: Notice) => Mail,
    { at = new Date(), bundled = false }: NoticeOptions = {},
  ): Promise<void> {
    const details = { email: user.email, needsFactor: user.mfaEnabled };
    const link = await this.tokens.issueLink(tx, user.id, 'not_me', details);
    const mail = compose({ at, ...placeOf(context), link });
    await (bundled ? this.mails.addBundled(tx, mail) : this.mails.add(tx, mail));
  }
}

/** The address of a proxy says nothing about the client. */
function placeOf(context: RequestContext | null): Pick<Notice, 'device' | 'network'> {
  const network = context && !context.behindProxy ? ipPrefix(context.ipAddress) : null;
  return { device: deviceOf(context?.userAgent ?? null), network };
}
