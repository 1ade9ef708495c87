import { Module } from '@nestjs/common';
import { PreferencesModule } from '../preferences/preferences.module.js';
import { ServiceAuthentication } from './service-authentication.js';
import { ServiceCredentialsService } from './service-credentials.service.js';
import { ServiceReadsService } from './service-reads.service.js';
import { ServicesController } from './services.controller.js';

@Module({
  imports: [PreferencesModule],
  controllers: [ServicesController],
  providers: [ServiceCredentialsService, ServiceAuthentication, ServiceReadsService],
  exports: [ServiceAuthentication],
})
export class ServicesModule {}
