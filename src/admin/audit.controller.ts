import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { Characters } from '../common/dto/text-fields.js';
import { AuditEntryBody, toAuditEntry } from '../audit/audit.dto.js';
import { AuditReader } from '../audit/audit-reader.js';
import { InstantParam } from '../common/dto/date-time.js';
import { IdParam, OptionalParam, WholeParam } from '../common/dto/query-params.js';
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
  @Characters(0, 60)
  action?: string;

  @InstantParam('From this moment on')
  from?: Date;

  @InstantParam('Before this moment')
  to?: Date;

  @WholeParam(1, 100, 20)
  limit = 20;

  @ApiPropertyOptional({ description: '`next` of the page before' })
  @OptionalParam()
  @IsString()
  @Characters(0, 2048)
  after?: string;
}

class AuditListBody {
  @ApiProperty({ type: [AuditEntryBody] }) entries: AuditEntryBody[];
  @ApiProperty({ type: String, nullable: true, description: 'Cursor for `after`; null at the end' }) next:
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
  @AdminRoute('audit.read', 'validation_failed')
  @ApiOperation({ summary: 'The audit log, newest entry first' })
  @ApiOkResponse({ type: AuditListBody })
  async list(@Query() { after, limit, ...filter }: AuditQuery): Promise<AuditListBody> {
    const { rows, next } = await this.reads.run((tx) => this.audit.page(tx, filter, after, limit));
    return { entries: rows.map(toAuditEntry), next };
  }
}
