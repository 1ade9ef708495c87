import { DynamicModule, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Settings } from './settings.js';

/** Makes the checked settings injectable everywhere. */
@Module({})
export class SettingsModule {
  static with(settings: Settings): DynamicModule {
    const config = ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true, load: [() => ({ settings })] });
    return {
      module: SettingsModule,
      global: true,
      imports: [config],
      providers: [
        {
          provide: Settings,
          inject: [ConfigService],
          useFactory: (service: ConfigService) => service.getOrThrow<Settings>('settings'),
        },
      ],
      exports: [Settings],
    };
  }
}
