import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { CodePointLength, NormalizedText } from '../common/dto/text-fields.js';
import { EnumParam, BooleanParam, OptionalParam, IntParam } from '../common/dto/query-params.js';
import type { Provider } from '../config/settings.auth.js';
import { PROVIDERS } from '../config/settings.auth.js';
import { pictureUrl } from '../users/avatars/avatar-storage.js';
import { ProfileBody, toStoredProfile } from '../users/profile.dto.js';
import type { UserSort, UserSortField } from '../users/list/user-order.js';
import { USER_SORT_FIELDS } from '../users/list/user-order.js';
import type { Role, User } from '../users/user.entity.js';
import { ROLES } from '../users/user.entity.js';

const SORTS = USER_SORT_FIELDS.flatMap((field) => [field, `-${field}`]);

export class UserListQuery {
  @IntParam(1, 2_147_483_647, 1)
  page = 1;

  @IntParam(1, 100, 20)
  limit = 20;

  @ApiPropertyOptional({ maxLength: 100, description: 'Substring of name, e-mail or company' })
  @NormalizedText()
  @OptionalParam()
  @IsString()
  @CodePointLength(0, 100)
  search?: string;

  @BooleanParam()
  is_active?: boolean;

  @EnumParam(ROLES)
  role?: Role;

  @EnumParam(PROVIDERS)
  provider?: Provider;

  @EnumParam(SORTS, '`-` reverses the order; default `-created_at`')
  sort?: string;

  @ApiPropertyOptional({ description: '`next` of the previous page in the same order; `page` is ignored' })
  @OptionalParam()
  @IsString()
  @CodePointLength(0, 2048)
  after?: string;
}

export function readSort(sort = '-created_at'): UserSort {
  return { field: sort.replace('-', '') as UserSortField, descending: sort.startsWith('-') };
}

/** Without the fields that are encrypted at rest. */
export class AdminUserBody extends OmitType(ProfileBody, ['phone', 'date_of_birth', 'bio']) {}

export class UserListBody {
  @ApiProperty({ type: [AdminUserBody] }) users: AdminUserBody[];
  @ApiProperty({ description: 'Users that match the filter', example: 42 }) total: number;
  @ApiProperty({ description: 'true where there are too many users to count' }) total_is_estimate: boolean;
  @ApiProperty({ example: 1 }) page: number;
  @ApiProperty({ example: 20 }) limit: number;
  @ApiProperty({ example: 3 }) pages: number;
  @ApiProperty({ type: String, nullable: true, description: 'Cursor for `after`; null on the last page' }) next:
    string | null;
}

export function toAdminUser(user: User, publicBaseUrl: string): AdminUserBody {
  const { bio: _bio, phone: _phone, date_of_birth: _born, ...rest } = toStoredProfile(user);
  return { ...rest, profile_picture_url: pictureUrl(publicBaseUrl, user.profilePictureUrl) };
}
