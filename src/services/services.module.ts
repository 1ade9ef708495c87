import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { ServiceAuthentication } from './service-authentication.js';
import { ServiceCredential } from './service-credential.entity.js';
import { ServiceCredentialsService } from './service-credentials.service.js';
import { ServiceReadsService } from './service-reads.service.js';
import { ServicesController } from './services.controller.js';

@Module({
  imports: [TypeOrmModule.forFeature([ServiceCredential]), PreferencesModule],
  controllers: [ServicesController],
  providers: [ServiceCredentialsService, ServiceAuthentication, ServiceReadsService],
  exports: [ServiceAuthentication],
})
export class ServicesModule {}
