import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../../common/errors.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { runInTransaction } from '../../database/transaction.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { credentialTypeOf, Factors } from '../mfa/factors.js';
import { AddedPasskeyBody, AddPasskeyBody, OptionsBody, PasskeyBody, toPasskeyResponse } from './passkeys.dto.js';
import { Passkeys } from './passkeys.js';
import { WebAuthn } from './webauthn.js';

/** The signed-in user's own passkeys. */
@Injectable()
export class OwnPasskeysService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly factors: Factors,
    private readonly passkeys: Passkeys,
    private readonly webAuthn: WebAuthn,
  ) {}

  async list(userId: string): Promise<PasskeyBody[]> {
    return (await this.passkeys.list(this.database.manager, userId)).map(toPasskeyResponse);
  }

  /** @throws AppError `email_not_verified` */
  async options(principal: Principal): Promise<OptionsBody> {
    const { user, known } = await this.inOwnTransaction(principal, async (tx, held) => ({
      user: requireVerified(held),
      known: await this.passkeys.list(tx, held.id),
    }));
    return { options: await this.webAuthn.creationOptions({ purpose: 'add', userId: user.id }, user, known) };
  }

  /** @throws AppError `invalid_code`, `email_not_verified`, `bad_request` */
  async add(principal: Principal, body: AddPasskeyBody, context: RequestContext): Promise<AddedPasskeyBody> {
    const { ceremony, passkey } = await this.webAuthn.verifyCreation(body.credential, 'add');
    if (ceremony.userId !== principal.userId) throw new AppError('invalid_code');
    return this.inOwnTransaction(principal, async (tx, user) => {
      requireVerified(user);
      const added = await this.passkeys.add(tx, user.id, passkey, body.name ?? 'Passkey');
      await this.factors.record(tx, user, 'factor_added', added.name, context, credentialTypeOf(added));
      const codes = await this.factors.updateEnabled(tx, user, context);
      return { ...toPasskeyResponse(added), ...(codes && { recovery_codes: codes }) };
    });
  }

  /** @throws AppError `not_found` */
  rename(principal: Principal, id: string, name: string | undefined): Promise<PasskeyBody> {
    return this.inOwnTransaction(principal, async (tx, user) => {
      const passkey = await this.passkeys.find({ id, userId: user.id }, tx);
      if (!passkey) throw new AppError('not_found');
      if (name !== undefined) await this.passkeys.rename(tx, passkey, name);
      return toPasskeyResponse({ ...passkey, name: name ?? passkey.name });
    });
  }

  /** @throws AppError `not_found`, `last_sign_in_method` */
  remove(principal: Principal, id: string, context: RequestContext): Promise<void> {
    return this.inOwnTransaction(principal, async (tx, user) => {
      if (!(await this.factors.removePasskey(tx, user, id, context))) throw new AppError('not_found');
    });
  }

  private inOwnTransaction<T>(principal: Principal, work: (tx: EntityManager, user: User) => Promise<T>): Promise<T> {
    return runInTransaction(this.database, async (tx) => work(tx, await this.users.lockOwn(tx, principal)));
  }
}

/** A squatter must not be able to add a passkey. */
function requireVerified(user: User): User {
  if (!user.isVerified) throw new AppError('email_not_verified');
  return user;
}
