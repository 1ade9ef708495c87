import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplayScope } from '../src/events/replay.js';
import { chooseCommand, readArguments, required, textOption, timeOption } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase } from './lib/database.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const commands = {
  replay: {
    call: 'npm run events:replay --',
    does: 'publishes past events again, in order and with the same event ids',
    options: {
      since: required(timeOption('events from this time on')),
      user: textOption('UUID', 'only events of this user', (given) => UUID.test(given)),
    },
  },
};

function readScope(): ReplayScope {
  const { args } = chooseCommand('node scripts/run.mjs events', commands);
  const { since, user } = readArguments(commands.replay, args);
  return { since, userId: user };
}

async function run(scope: ReplayScope): Promise<boolean> {
  const { settings, url, dataSource, close } = await openDatabase();
  try {
    if (settings.kafka.brokers.length === 0) throw new Error('KAFKA_BOOTSTRAP_SERVERS is not set');
    const { replay, replayProgress } = await import('../src/events/replay.js');
    const range = await replay(dataSource, scope);
    if (!range) {
      console.log('nothing to replay');
      return true;
    }
    console.log(`${range.events} events go out again`);
    const { startRelay } = await import('./lib/relay-app.js');
    const relay = await startRelay(settings, url);
    try {
      for (let polls = 0; ; await sleep(200)) {
        const { waiting, stuck, parked } = await replayProgress(dataSource, range, scope.userId);
        if (waiting > 0 && (polls += 1) % 10 === 0) console.log(`${waiting} events left`);
        if (waiting > 0) continue;
        console.log(`${range.events - stuck - parked} events published`);
        if (stuck + parked > 0) console.log(`${parked} refused by the broker, ${stuck} wait behind such an event`);
        return stuck + parked === 0;
      }
    } finally {
      await relay.close();
    }
  } finally {
    await close();
  }
}

await runCommand('events', async () => ((await run(readScope())) ? 0 : 1));
process.exit();
