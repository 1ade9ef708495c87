import { DynamicModule, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Settings } from './settings.js';
import { Statements } from './statements.js';

/** Makes the checked settings injectable everywhere, and the database by statements that obey them. */
@Module({})
export class SettingsModule {
  static with(settings: Settings): DynamicModule {
    const config = ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true, load: [() => ({ settings })] });
    return {
      module: SettingsModule,
      global: true,
      imports: [config],
      providers: [
        Statements,
        {
          provide: Settings,
          inject: [ConfigService],
          useFactory: (service: ConfigService) => service.getOrThrow<Settings>('settings'),
        },
      ],
      exports: [Settings, Statements],
    };
  }
}
