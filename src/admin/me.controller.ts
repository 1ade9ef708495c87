import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Answers, CurrentUser } from '../common/http/decorators.js';
import type { Principal } from '../common/http/request-context.js';
import { ROLES } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { AdminRoute } from './admin.guard.js';
import { PERMISSIONS, permissionsOf } from './permissions.js';

class AdminMeBody {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ format: 'email' }) email: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: ROLES }) role: string;
}

class PermissionsBody {
  @ApiProperty({ enum: PERMISSIONS, isArray: true, description: 'Permissions of the caller' }) permissions: string[];
  @ApiProperty({ enum: ROLES, isArray: true, description: 'The role of the caller' }) roles: string[];
}

@ApiTags('admin')
@Controller('admin')
export class AdminMeController {
  constructor(private readonly users: UsersService) {}

  @Get('me')
  @AdminRoute('admin:access')
  @ApiOperation({ summary: 'The signed-in user' })
  @Answers(200, AdminMeBody)
  async getMe(@CurrentUser() { userId }: Principal): Promise<AdminMeBody> {
    const { id, email, name, role } = await this.users.getOwn(userId);
    return { id, email, name, role };
  }

  @Get('permissions')
  @AdminRoute('admin:access')
  @ApiOperation({ summary: 'Permissions and role of the caller' })
  @Answers(200, PermissionsBody)
  listMyPermissions(@CurrentUser() { role }: Principal): PermissionsBody {
    return { permissions: [...permissionsOf(role)], roles: [role] };
  }
}
