import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../../common/http/request-context.js';
import { RegisterService } from '../register.service.js';
import type { OptionsBody, PasskeyLoginBody, PasskeySignUpBody, PasskeySignUpOptionsBody } from './passkeys.dto.js';
import { WebAuthn } from './webauthn.js';

/** Registration with a passkey instead of a password. */
@Injectable()
export class PasskeySignUpService {
  constructor(
    private readonly webAuthn: WebAuthn,
    private readonly registration: RegisterService,
  ) {}

  /** Looks no account up, so that options for a taken address do not differ from others. */
  async options({ email, name }: PasskeySignUpOptionsBody): Promise<OptionsBody> {
    const ceremony = { purpose: 'sign_up', userId: randomUUID(), email, name } as const;
    return { options: await this.webAuthn.creationOptions(ceremony, ceremony) };
  }

  /**
   * @returns null if the address must be confirmed first
   * @throws AppError `invalid_code`, `email_taken`, `busy`
   */
  async register(body: PasskeyLoginBody, context: RequestContext): Promise<PasskeySignUpBody | null> {
    const { ceremony, passkey } = await this.webAuthn.verifyCreation(body.credential, 'sign_up');
    const { userId: id, email, name } = ceremony;
    return this.registration.registerByPasskey({ id, email, name, passkey }, body.device_info, context);
  }
}
