import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

const nullable = { type: String, nullable: true } as const;

/** A member as other members see them. */
export class MemberCardBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ example: 'John Doe' }) name: string;
  @ApiProperty(nullable) profile_picture_url: string | null;
  @ApiProperty(nullable) bio: string | null;
  @ApiProperty({ ...nullable, description: 'null where the member hides it' }) location: string | null;
  @ApiProperty(nullable) industry: string | null;
  @ApiProperty(nullable) job_title: string | null;
  @ApiProperty(nullable) company: string | null;
  @ApiProperty(nullable) linkedin_url: string | null;
}

/** A member as other services see them. */
export class ServiceCardBody extends MemberCardBody {
  @ApiProperty() is_active: boolean;
}

/** What `GET /users/{id}` answers to either. */
export class MemberOrServiceCardBody extends MemberCardBody {
  @ApiPropertyOptional({ description: 'Only for other services' }) is_active?: boolean;
}
