import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { CacheModule } from '../src/cache/cache.module.js';
import { createLogger } from '../src/common/logging/logger.js';
import { LoggerModule } from '../src/common/logging/logger.module.js';
import { databaseOptions } from '../src/database/connection-options.js';
import { Settings } from '../src/config/settings.js';
import { SettingsModule } from '../src/config/settings.module.js';
import { CryptoModule } from '../src/crypto/crypto.module.js';
import { DatabaseModule } from '../src/database/database.module.js';
import { EventsModule } from '../src/events/events.module.js';
import { replay, replayProgress, ReplayScope } from '../src/events/replay.js';
import { RedisModule } from '../src/redis/redis.module.js';
import { chooseCommand, readArguments, required, textOption } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase } from './lib/database.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const commands = {
  replay: {
    call: 'npm run events:replay --',
    does: 'publishes once more, in order and under the same event ids, what has happened from a moment on',
    options: {
      since: required(textOption('TIME', 'the moment, as ISO 8601', (given) => !Number.isNaN(Date.parse(given)))),
      user: textOption('UUID', 'only events of this user', (given) => UUID.test(given)),
    },
  },
};

/** A relay of its own: it publishes where no instance of the service runs, and stands by where one does. */
@Module({})
class RelayModule {
  static with(settings: Settings, url: string): DynamicModule {
    const logger = createLogger('error', null);
    const database = TypeOrmModule.forRoot({ ...databaseOptions(settings, url), autoLoadEntities: true });
    const own = [SettingsModule.with(settings), LoggerModule.with(logger), database];
    const imports = [...own, CryptoModule, DatabaseModule, RedisModule, CacheModule, EventsModule];
    return { module: RelayModule, imports };
  }
}

function readScope(): ReplayScope {
  const { args } = chooseCommand('node scripts/run.mjs events', commands);
  const { since, user } = readArguments(commands.replay, args);
  return { since: new Date(since), userId: user };
}

async function run(scope: ReplayScope): Promise<boolean> {
  const { settings, url, dataSource, close } = await openDatabase();
  try {
    if (settings.kafka.brokers.length === 0) throw new Error('KAFKA_BOOTSTRAP_SERVERS is not set');
    const range = await replay(dataSource, scope);
    if (!range) {
      console.log('nothing to replay');
      return true;
    }
    console.log(`${range.events} events go out again`);
    const app = await NestFactory.createApplicationContext(RelayModule.with(settings, url), { logger: false });
    try {
      for (let told = 0; ; await sleep(200)) {
        const { waiting, stuck, parked } = await replayProgress(app.get(DataSource), range, scope.userId);
        if (waiting > 0 && (told += 1) % 10 === 0) console.log(`${waiting} events left`);
        if (waiting > 0) continue;
        console.log(`${range.events - stuck - parked} events published`);
        if (stuck + parked > 0) console.log(`${parked} refused by the broker, ${stuck} wait behind such an event`);
        return stuck + parked === 0;
      }
    } finally {
      await app.close();
    }
  } finally {
    await close();
  }
}

await runCommand('events', async () => ((await run(readScope())) ? 0 : 1));
process.exit();
