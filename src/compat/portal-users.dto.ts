import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { DateTimeParam } from '../common/dto/date-time.js';
import { EnumParam, IntParam, OptionalParam } from '../common/dto/query-params.js';
import {
  CodePointLength,
  NormalizedText,
  NullableTextField,
  OptionalField,
  ShownText,
} from '../common/dto/text-fields.js';
import { UuidListField } from '../common/dto/uuid-param.js';
import { AccountEmailField } from '../users/emails/email.js';
import type { User } from '../users/user.entity.js';

const STATUSES = ['active', 'inactive'] as const;
const BULK_ACTIONS = ['activate', 'deactivate', 'delete'] as const;
const DAY_MS = 86_400_000;

/** A text taken as it is. */
export const PlainParam = (max: number, description: string, example?: string) =>
  applyDecorators(
    ApiPropertyOptional({ maxLength: max, description, example }),
    OptionalParam(),
    IsString(),
    CodePointLength(0, max),
  );

const TextParam = (max: number, description: string) => applyDecorators(NormalizedText(), PlainParam(max, description));

/** The portal sends every parameter, those without a filter empty. */
export class PortalFilterQuery {
  @TextParam(100, 'Anywhere in name, e-mail or company, taken literally') search?: string;
  @EnumParam(STATUSES) status?: (typeof STATUSES)[number];
  @TextParam(100, 'Exactly this industry') industry?: string;
  @DateTimeParam('Registered from this day on') startDate?: Date;
  @DateTimeParam('Registered until this day, included') endDate?: Date;
}

export class PortalListQuery extends PortalFilterQuery {
  @IntParam(0, 21_474_836, 0) page = 0;
  @IntParam(1, 100, 50) pageSize = 50;
}

export class UpdatePortalUserBody {
  @ApiPropertyOptional({ format: 'uuid', description: 'Only as it is' }) @IsOptional() id?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Only as it is' }) @IsOptional() createdAt?: string;
  @ApiPropertyOptional() @OptionalField() @AccountEmailField() email?: string;

  @ApiPropertyOptional({ example: 'John Doe', minLength: 1, maxLength: 255 })
  @OptionalField()
  @NormalizedText()
  @ShownText(1, 255)
  name?: string;

  @ApiPropertyOptional({ enum: STATUSES })
  @OptionalField()
  @IsIn(STATUSES)
  status?: (typeof STATUSES)[number];

  @NullableTextField(100, 'Technology') industry?: string | null;
}

export class BulkBody {
  @UuidListField(1, 100)
  ids: string[];

  @ApiProperty({ enum: BULK_ACTIONS })
  @IsIn(BULK_ACTIONS)
  action: (typeof BULK_ACTIONS)[number];
}

class BulkFailure {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ example: 'not_found', description: 'The error type' }) type: string;
}

export class BulkResult {
  @ApiProperty({ type: 'integer', description: 'Users that were changed' }) done: number;
  @ApiProperty({ type: [BulkFailure] }) failed: BulkFailure[];
}

export class PortalUser {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty() name: string;
  @ApiProperty({ format: 'email' }) email: string;
  @ApiProperty({ enum: STATUSES }) status: string;
  @ApiPropertyOptional() industry?: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export class PortalUserList {
  @ApiProperty({ type: [PortalUser] }) users: PortalUser[];
  @ApiProperty({ type: 'integer' }) total: number;
}

const counts = (example: Record<string, number>) => ({
  type: 'object' as const,
  additionalProperties: { type: 'integer' },
  example,
});

export class PortalStats {
  @ApiProperty({ ...counts({ '2026-11': 12 }), description: 'By month of registration, the last twelve' })
  signups: Record<string, number>;
  @ApiProperty({ ...counts({ Technology: 7 }), description: 'The fifty most frequent' })
  byIndustry: Record<string, number>;
  @ApiProperty(counts({ active: 40, inactive: 2 })) byStatus: Record<string, number>;
}

class ExportMetadata {
  @ApiProperty({ type: 'integer', description: 'Users that the filter lets through' }) total: number;
  @ApiProperty({ description: 'true where there are more than the file holds' }) truncated: boolean;
}

export class PortalExport {
  @ApiProperty({ type: [PortalUser] }) users: PortalUser[];
  @ApiProperty({ type: PortalStats }) stats: PortalStats;
  @ApiProperty({ type: ExportMetadata }) metadata: ExportMetadata;
}

export function toPortalUser({ id, name, email, isActive, industry, createdAt }: User): PortalUser {
  const status = isActive ? 'active' : 'inactive';
  return { id, name, email, status, industry: industry ?? undefined, createdAt: createdAt.toISOString() };
}

export function toUserFilter({ search, status, industry, startDate, endDate }: PortalFilterQuery) {
  return {
    search,
    isActive: status && status === 'active',
    industry,
    createdFrom: startDate,
    // A day is meant as a whole; of a time the millisecond.
    createdBefore: endDate && new Date(+endDate + (+endDate % DAY_MS === 0 ? DAY_MS : 1)),
  };
}
