import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditLog } from './audit-log.entity.js';
import { AuditReader } from './audit-reader.service.js';
import { AuditService } from './audit.service.js';
import { AuditSubjects } from './audit-subject.service.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditLog])],
  providers: [AuditService, AuditReader, AuditSubjects],
  exports: [AuditService, AuditReader, AuditSubjects],
})
export class AuditModule {}
