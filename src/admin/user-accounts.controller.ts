import { Body, Controller, Delete, Get, Head, Header, Post, Put, StreamableFile } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UuidParam } from '../common/dto/uuid-param.js';
import { Answers, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { ExportBody } from '../privacy/privacy.dto.js';
import { AdminRoute } from './admin.guard.js';
import { ChangeUserEmailBody, InviteUserBody, MfaResetBody, ReasonBody } from './user-accounts.dto.js';
import { UserAccountsService } from './user-accounts.service.js';
import { UserChangesService } from './user-changes.service.js';
import { AdminUserDetailBody } from './user-detail.dto.js';
import { UserDetailService } from './user-detail.service.js';

@ApiTags('admin')
@Controller('admin/users')
export class AdminAccountsController {
  constructor(
    private readonly accounts: UserAccountsService,
    private readonly changes: UserChangesService,
    private readonly details: UserDetailService,
  ) {}

  @Post()
  @AdminRoute('users:write', 'email_taken')
  @ApiOperation({
    summary: 'Create an account and mail a link to set its password',
    description:
      'The link works for an hour; later, `POST /auth/password/forgot` mails another. It confirms the address.',
  })
  @Answers(201, AdminUserDetailBody)
  async inviteUser(
    @CurrentUser() actor: Principal,
    @Body() { email, name, reason = null }: InviteUserBody,
    @Context() context: RequestContext,
  ): Promise<AdminUserDetailBody> {
    const { id } = await this.accounts.invite({ email, name }, { actor, reason, context });
    return this.details.get(id, actor.sessionId);
  }

  @Put(':id/email')
  @AdminRoute('users:write', 'not_found', 'own_account', 'email_taken')
  @ApiOperation({
    summary: 'Replace the e-mail address of a user',
    description:
      'The old address gets a notice whose link undoes the change for 72 hours. `is_verified` stays as it was: the administrator ' +
      'vouches for the new address.',
  })
  @Answers(200, AdminUserDetailBody)
  async changeUserEmail(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { email, reason }: ChangeUserEmailBody,
    @Context() context: RequestContext,
  ): Promise<AdminUserDetailBody> {
    await this.changes.update(id, { email }, { actor, reason, context });
    return this.details.get(id, actor.sessionId);
  }

  @Delete(':id')
  @AdminRoute('users:write', 'not_found', 'own_account', 'last_admin')
  @ApiOperation({ summary: 'Delete a user permanently' })
  @Answers(204)
  eraseUser(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { reason }: ReasonBody,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.changes.erase(id, { actor, reason, context });
  }

  /** Without this route the handler of GET would answer HEAD, and audit an export that was not made. */
  @Head(':id/export')
  @AdminRoute('users:write')
  @ApiExcludeEndpoint()
  head(): void {}

  @Get(':id/export')
  @Header('content-disposition', 'attachment; filename="meetinity-export.json"')
  @AdminRoute('users:write', 'validation_failed', 'not_found')
  @ApiOperation({ summary: 'Export all data of a user as a file' })
  @Answers(200, ExportBody)
  async exportUser(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Context() context: RequestContext,
  ): Promise<StreamableFile> {
    const file = await this.accounts.export(id, { actor, reason: null, context });
    return new StreamableFile(file, { type: 'application/json; charset=utf-8' });
  }

  @Post(':id/mfa/reset')
  @AdminRoute('users:write', 'not_found', 'own_account')
  @ApiOperation({
    summary: 'Remove the second factors of a user who lost them, in 24 hours',
    description:
      'Every address of the user gets a notice; a sign-in with a factor or a "this was not me" link cancels it.',
  })
  @Answers(202, MfaResetBody)
  async resetUserFactors(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { reason }: ReasonBody,
    @Context() context: RequestContext,
  ): Promise<MfaResetBody> {
    const effectiveAt = await this.accounts.resetFactors(id, { actor, reason, context });
    return { effective_at: effectiveAt.toISOString() };
  }

  @Post(':id/unlock')
  @AdminRoute('users:write', 'not_found', 'own_account')
  @ApiOperation({
    summary: 'Lift locks after wrong passwords or codes',
    description: 'Also enables a password that `PASSWORD_MAX_FAILURES` wrong ones have disabled.',
  })
  @Answers(204)
  unlockUser(
    @UuidParam('id') id: string,
    @CurrentUser() actor: Principal,
    @Body() { reason }: ReasonBody,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.accounts.unlock(id, { actor, reason, context });
  }
}
