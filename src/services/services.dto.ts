import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsArray, IsIn, IsString } from 'class-validator';
import { IntParam } from '../common/dto/query-params.js';
import { CodePointLength, NormalizedText, OptionalField } from '../common/dto/text-fields.js';
import { UuidListField } from '../common/dto/uuid-param.js';
import { ServiceCardBody } from '../preferences/member-card.dto.js';
import { PreferencesBody } from '../preferences/preferences.dto.js';

const INCLUDES = ['preferences'] as const;
type Include = (typeof INCLUDES)[number];

/** A list, or its entries with commas between them as a query has them. */
const toList = (value: unknown) =>
  typeof value === 'string' ? value.split(',').filter((entry) => entry !== '') : value;

function IncludeField() {
  return applyDecorators(
    Transform(({ value }) => toList(value)),
    OptionalField(),
    IsArray(),
    IsIn(INCLUDES, { each: true }),
  );
}

export class ServiceProfileQuery {
  @ApiPropertyOptional({
    enum: INCLUDES,
    description: 'What is answered besides the card',
    allowEmptyValue: true,
  } as object)
  @IncludeField()
  include?: Include[];
}

export class BatchBody {
  @UuidListField(0, 100)
  user_ids: string[];

  @ApiPropertyOptional({ enum: INCLUDES, isArray: true, description: 'What is answered besides the cards' })
  @IncludeField()
  include?: Include[];
}

export class ServiceSearchQuery {
  @ApiProperty({ minLength: 1, maxLength: 100, description: 'Anywhere in name, e-mail or company, taken literally' })
  @NormalizedText()
  @IsString()
  @CodePointLength(1, 100)
  q: string;

  @IntParam(1, 100, 20)
  limit = 20;
}

export class ServiceProfileBody extends ServiceCardBody {
  @ApiPropertyOptional({ type: PreferencesBody, description: 'Only where `include` names it' })
  preferences?: PreferencesBody;
}

export class ValidateBody {
  @ApiProperty() exists: boolean;
  @ApiProperty() is_active: boolean;
  @ApiProperty({ type: String, nullable: true, example: 'John Doe' }) name: string | null;
}

export class BatchAnswer {
  @ApiProperty({ type: [ServiceProfileBody], description: 'In the order of `user_ids`, none twice' })
  users: ServiceProfileBody[];
  @ApiProperty({ type: 'array', items: { type: 'string', format: 'uuid' }, description: 'Ids without a user' })
  missing: string[];
}

export class ServiceSearchBody {
  @ApiProperty({ type: [ServiceCardBody], description: 'Active members, the newest first' }) users: ServiceCardBody[];
}
