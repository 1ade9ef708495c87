import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { MailModule } from '../mail/mail.module.js';
import { UsersModule } from '../users/users.module.js';
import { DatabaseHealthIndicator } from './database.health-indicator.js';
import { DependenciesHealthIndicator } from './dependencies.health-indicator.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsServer } from './metrics-server.js';
import { MetricsService } from './metrics.service.js';
import { UserCountsService } from './user-counts.service.js';

@Module({
  imports: [MailModule, UsersModule, TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController, MetricsController],
  providers: [
    HealthService,
    DependenciesHealthIndicator,
    UserCountsService,
    MetricsService,
    MetricsServer,
    DatabaseHealthIndicator,
  ],
})
export class HealthModule {}
