import { Global, Module } from '@nestjs/common';
import { AuditRedactions } from './audit-redactions.js';
import { AuditProtection } from './audit-protection.js';
import { AuditReader } from './audit-reader.js';
import { AuditService } from './audit.service.js';
import { AuditSubjects } from './audit-subjects.js';
import { SecurityLog } from './security-log.js';

@Global()
@Module({
  providers: [AuditService, AuditReader, AuditSubjects, AuditRedactions, AuditProtection, SecurityLog],
  exports: [AuditService, AuditReader, AuditSubjects, AuditRedactions],
})
export class AuditModule {}
