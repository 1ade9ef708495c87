import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Preferences } from './preferences.entity.js';
import { PreferencesService } from './preferences.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Preferences])],
  providers: [PreferencesService],
  exports: [PreferencesService],
})
export class PreferencesModule {}
