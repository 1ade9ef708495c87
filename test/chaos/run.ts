import { writeFileSync } from 'node:fs';
import { flag, numberOption, textOption, withDefault } from '../../scripts/lib/arguments.js';
import { prepareBench } from '../../bench/lib/arguments.js';
import { campaign } from './campaign.js';
import { failed, statusTable, toTable } from './report.js';
import { kafkaDown } from './scenarios/kafka-down.js';
import { postgresReadonly } from './scenarios/postgres-readonly.js';
import { redisDemoted } from './scenarios/redis-demoted.js';
import { redisFrozen } from './scenarios/redis-frozen.js';
import { rollingRestart } from './scenarios/rolling-restart.js';
import type { Scenario, ScenarioResult } from './scenarios/scenario.js';
import { createStage, NoServers, type Stage } from './stage.js';

const SCENARIOS: Record<string, Scenario> = {
  'kafka-down': kafkaDown,
  'postgres-readonly': postgresReadonly,
  'redis-demoted': redisDemoted,
  'redis-frozen': redisFrozen,
  'rolling-restart': rollingRestart,
};
const values = prepareBench({
  call: 'npm run chaos --',
  does:
    'a fault campaign against two instances\n' +
    '  Exit code 1 where something was lost, reordered, stale or unexpected; 3 where a server to kill cannot be had.',
  options: {
    seed: textOption('TEXT', 'decides what is disturbed and when; without it another one each time'),
    minutes: numberOption('how long; 3 unless the scenario has a length of its own', 0.1, 60, true),
    rate: withDefault(numberOption('operations a second', 1, 200), 40),
    json: textOption('FILE', 'writes all counts to a file'),
    logs: textOption('FOLDER', 'keeps the logs of the instances there'),
    quiet: flag('prints the table only'),
    scenario: textOption('NAME', `measures one disturbance instead: ${Object.keys(SCENARIOS).join(', ')}`, (name) =>
      Object.hasOwn(SCENARIOS, name),
    ),
  },
});
const { seed = String(Math.floor(Math.random() * 1e6)), rate } = values;
const scenario = values.scenario === undefined ? undefined : SCENARIOS[values.scenario];
const minutes = values.minutes ?? scenario?.minutes ?? 3;

const begun = performance.now();
const log = (line: string) => {
  if (!values.quiet) console.error(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`);
};

async function run(stage: Stage): Promise<ScenarioResult> {
  if (scenario) return scenario.run(stage, { minutes, log });
  const result = await campaign(stage, { seed, minutes, rate, log });
  const text = values.quiet ? toTable(result) : `${statusTable(result)}\n\n${toTable(result)}`;
  return { text, data: { ...result }, failed: failed(result) };
}

const stage = await createStage({ log, logs: values.logs }).catch((error: unknown) => {
  console.error(String(error));
  process.exit(error instanceof NoServers ? 3 : 1);
});
let ending: Promise<void> | undefined;
const end = () => (ending ??= stage.stop());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end().then(() => process.exit(130)));
try {
  const result = await run(stage);
  console.log(result.text);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(result.data, null, 2)}\n`);
  process.exitCode = result.failed ? 1 : 0;
} finally {
  await end();
}
process.exit();
