import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { AdminReads } from '../admin/admin-reads.js';
import { AdminRoute } from '../admin/admin.guard.js';
import { AuditReader, AuditRow } from '../audit/audit-reader.js';
import { DateTimeParam } from '../common/dto/date-time.js';
import { IntParam } from '../common/dto/query-params.js';
import { isUuid } from '../common/dto/uuid-param.js';
import { Answers } from '../common/http/decorators.js';
import { PlainParam, PortalFilterQuery, toUserFilter } from './portal-users.dto.js';

/** Entries up to which `total` is exact. */
const MAX_COUNTED_ENTRIES = 10_000;
const ERASURE = 'user.deleted';

class PortalPageQuery extends PortalFilterQuery {
  @IntParam(0, 100, 0) page = 0;
  @IntParam(1, 100, 50) pageSize = 50;
}

class PortalAuditQuery extends PortalPageQuery {
  @PlainParam(100, 'Id of who acted; anything else finds nothing') actor?: string;
  @PlainParam(100, 'Exactly this action', 'user.deactivated') action?: string;
  @DateTimeParam('Entries from this day on') dateFrom?: Date;
  @DateTimeParam('Entries until this day, included') dateTo?: Date;
  @PlainParam(100, 'Without effect: always the newest first', '-timestamp') sort?: string;
  @PlainParam(100, 'Without effect: the audit log has none') resourceType?: string;
  @PlainParam(100, 'Without effect: the audit log has none') severity?: string;
}

class PortalLog {
  @ApiProperty({ example: '4711' }) id: string;
  @ApiProperty({ format: 'date-time' }) timestamp: string;
  @ApiPropertyOptional({ format: 'uuid', description: 'Missing for the service itself, or a stranger' }) actor?: string;
  @ApiPropertyOptional({ format: 'uuid' }) target?: string;
  @ApiProperty({ example: 'user.deactivated' }) action: string;
  @ApiPropertyOptional() reason?: string;
  @ApiPropertyOptional() ipAddress?: string;
}

class PortalLogList {
  @ApiProperty({ type: [PortalLog] }) logs: PortalLog[];
  @ApiProperty({ type: 'integer', description: `Exact up to ${MAX_COUNTED_ENTRIES}` }) total: number;
}

class GdprRequest {
  @ApiProperty({ example: '4711' }) id: string;
  @ApiProperty({ enum: ['erasure'] }) type: 'erasure';
  @ApiProperty({ format: 'uuid' }) userId: string;
  @ApiProperty({ enum: ['completed'], description: 'Erasures are carried out at once' }) status: 'completed';
  @ApiProperty({ format: 'date-time', description: 'Of the erasure' }) submittedAt: string;
}

class GdprRequestList {
  @ApiProperty({ type: [GdprRequest] }) requests: GdprRequest[];
  @ApiProperty({ type: 'integer' }) total: number;
}

/** The routes on security that the admin portal calls; what it filters by and the audit log does not know is passed over. */
@ApiTags('platform apps')
@Controller('security')
export class PortalSecurityController {
  constructor(
    private readonly audit: AuditReader,
    private readonly reads: AdminReads,
  ) {}

  @Get('audit-logs')
  @AdminRoute('security:read', 'validation_failed')
  @ApiOperation({ summary: 'The audit log for the portal, newest entry first' })
  @Answers(200, PortalLogList)
  async listPortalAuditLogs(@Query() query: PortalAuditQuery): Promise<PortalLogList> {
    // The portal asks with each letter that is typed.
    if (query.actor && !isUuid(query.actor)) return { logs: [], total: 0 };
    const { dateFrom: startDate = query.startDate, dateTo: endDate = query.endDate } = query;
    const { rows, total } = await this.page({ ...query, startDate, endDate }, query.action);
    return { logs: rows.map(toLog), total };
  }

  @Get('gdpr/requests')
  @AdminRoute('security:read', 'validation_failed')
  @ApiOperation({ summary: 'Erasures of personal data, newest first' })
  @Answers(200, GdprRequestList)
  async listGdprRequests(@Query() query: PortalPageQuery): Promise<GdprRequestList> {
    const { rows, total } = await this.page(query, ERASURE);
    return { requests: rows.map(toGdprRequest), total };
  }

  private page(query: PortalAuditQuery, action?: string): Promise<{ rows: AuditRow[]; total: number }> {
    const { createdFrom: from, createdBefore: to } = toUserFilter(query);
    const filter = { actor: query.actor, action, from, to };
    const [first, end] = [query.page * query.pageSize, (query.page + 1) * query.pageSize];
    return this.reads.run(async (tx) => {
      const { rows } = await this.audit.page(tx, filter, undefined, end);
      return { rows: rows.slice(first), total: await this.audit.count(tx, filter, MAX_COUNTED_ENTRIES) };
    });
  }
}

const toLog = ({ id, at, actor_id, target_id, action, reason, ip_address }: AuditRow): PortalLog => ({
  id,
  timestamp: at.toISOString(),
  actor: actor_id ?? undefined,
  target: target_id ?? undefined,
  action,
  reason: reason ?? undefined,
  ipAddress: ip_address ?? undefined,
});

const toGdprRequest = ({ id, at, target_id }: AuditRow): GdprRequest => ({
  id,
  type: 'erasure',
  userId: target_id!,
  status: 'completed',
  submittedAt: at.toISOString(),
});
