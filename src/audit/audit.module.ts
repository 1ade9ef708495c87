import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditLog } from './audit-log.entity.js';
import { AuditRedaction } from './audit-redaction.entity.js';
import { AuditRedactions } from './audit-redactions.js';
import { AuditProtection } from './audit-protection.js';
import { AuditReader } from './audit-reader.js';
import { AuditService } from './audit.service.js';
import { AuditSubjects } from './audit-subjects.js';
import { AuditLeaf } from './witness/audit-leaf.entity.js';
import { AuditSalt } from './witness/audit-salt.entity.js';
import { SecurityLog } from './security-log.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditLog, AuditRedaction, AuditLeaf, AuditSalt])],
  providers: [AuditService, AuditReader, AuditSubjects, AuditRedactions, AuditProtection, SecurityLog],
  exports: [AuditService, AuditReader, AuditSubjects, AuditRedactions],
})
export class AuditModule {}
