import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { CodePointLength } from '../common/dto/text-fields.js';
import { AuditEntryBody, toAuditEntry } from '../audit/audit.dto.js';
import { AuditReader } from '../audit/audit-reader.js';
import { Answers } from '../common/http/decorators.js';
import { DateTimeParam } from '../common/dto/date-time.js';
import { IdParam, OptionalParam, IntParam } from '../common/dto/query-params.js';
import { AdminReads } from './admin-reads.js';
import { AdminRoute } from './admin.guard.js';

class AuditQuery {
  @IdParam('Who acted')
  actor?: string;

  @IdParam('Whom it was about')
  target?: string;

  @ApiPropertyOptional({ maxLength: 60, example: 'user.deactivated' })
  @OptionalParam()
  @IsString()
  @CodePointLength(0, 60)
  action?: string;

  @DateTimeParam('From this moment on')
  from?: Date;

  @DateTimeParam('Before this moment')
  to?: Date;

  @IntParam(1, 100, 20)
  limit = 20;

  @ApiPropertyOptional({ description: '`next` of the previous page' })
  @OptionalParam()
  @IsString()
  @CodePointLength(0, 2048)
  after?: string;
}

class AuditListBody {
  @ApiProperty({ type: [AuditEntryBody] }) entries: AuditEntryBody[];
  @ApiProperty({ type: String, nullable: true, description: 'Cursor for `after`; null on the last page' }) next:
    string | null;
}

@ApiTags('admin')
@Controller('admin/audit')
export class AdminAuditController {
  constructor(
    private readonly audit: AuditReader,
    private readonly reads: AdminReads,
  ) {}

  @Get()
  @AdminRoute('security:read', 'validation_failed')
  @ApiOperation({ summary: 'The audit log, newest entry first' })
  @Answers(200, AuditListBody)
  async listAuditEntries(@Query() { after, limit, ...filter }: AuditQuery): Promise<AuditListBody> {
    const { rows, next } = await this.reads.run((tx) => this.audit.page(tx, filter, after, limit));
    return { entries: rows.map(toAuditEntry), next };
  }
}
