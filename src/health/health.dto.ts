import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

class DependenciesBody {
  @ApiProperty({ enum: ['up', 'down', 'embedded', 'read_only'] }) database: string;
  @ApiProperty({ enum: ['up', 'down', 'memory'] }) redis: string;
  @ApiProperty({ enum: ['up', 'down', 'disabled'] }) kafka: string;
  @ApiPropertyOptional({ enum: ['down'], description: 'Only while pictures cannot be stored' }) storage?: string;
}

class ProvidersBody {
  @ApiProperty() google: number;
  @ApiProperty() linkedin: number;
}

class HealthMetricsBody {
  @ApiProperty({ nullable: true, type: Number }) active_users: number | null;
  @ApiProperty({ nullable: true, type: Number }) total_users: number | null;
  @ApiProperty({ nullable: true, type: ProvidersBody }) oauth_providers: ProvidersBody | null;
}

export class HealthBody {
  @ApiProperty({ enum: ['ok', 'degraded', 'down'] }) status: 'ok' | 'degraded' | 'down';
  @ApiProperty({ example: 'user-service' }) service: string;
  @ApiProperty({ example: '1.0.0' }) version: string;
  @ApiProperty({ type: DependenciesBody }) dependencies: DependenciesBody;
  @ApiProperty({ type: HealthMetricsBody }) metrics: HealthMetricsBody;
}

export class LiveBody {
  @ApiProperty({ enum: ['ok'] }) status: 'ok';
}
