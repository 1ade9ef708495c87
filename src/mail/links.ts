import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';

/** URLs of mailed links: pages of the front end or, if none is configured, of the service itself. */
@Injectable()
export class MailLinks {
  private readonly resetPage: string;
  private readonly verifyPage: string;
  private readonly notMePage: string;

  constructor({ appPublicUrl, publicBaseUrl }: Settings) {
    this.resetPage = appPublicUrl ? `${appPublicUrl}/reset-password` : `${publicBaseUrl}/auth/password/reset`;
    this.verifyPage = appPublicUrl ? `${appPublicUrl}/verify-email` : `${publicBaseUrl}/auth/email/verify`;
    this.notMePage = appPublicUrl ? `${appPublicUrl}/not-me` : `${publicBaseUrl}/auth/account/not-me`;
  }

  reset(token: string): string {
    return `${this.resetPage}?token=${token}`;
  }

  verify(token: string): string {
    return `${this.verifyPage}?token=${token}`;
  }

  notMe(token: string): string {
    return `${this.notMePage}?token=${token}`;
  }
}
