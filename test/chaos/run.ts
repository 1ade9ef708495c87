import { writeFileSync } from 'node:fs';
import { flag, numberOption, textOption, withDefault } from '../../scripts/lib/arguments.js';
import { prepareBench } from '../../bench/lib/arguments.js';
import { campaign } from './campaign.js';
import { failed, statusTable, toTable } from './report.js';
import { kafkaDown } from './scenarios/kafka-down.js';
import { mailKills } from './scenarios/mail-kills.js';
import { postgresPromoted } from './scenarios/postgres-promoted.js';
import { postgresReadonly } from './scenarios/postgres-readonly.js';
import { redisDemoted } from './scenarios/redis-demoted.js';
import { redisFrozen } from './scenarios/redis-frozen.js';
import { redisSentinel } from './scenarios/redis-sentinel.js';
import { rollingRestart } from './scenarios/rolling-restart.js';
import { rollingUpgrade } from './scenarios/rolling-upgrade.js';
import type { Scenario, ScenarioResult } from './scenarios/scenario.js';
import { createStage, NoServers, type Stage } from './stage.js';

const SCENARIOS: Record<string, Scenario> = {
  'kafka-down': kafkaDown,
  'mail-kills': mailKills,
  'postgres-readonly': postgresReadonly,
  'redis-demoted': redisDemoted,
  'redis-frozen': redisFrozen,
  'rolling-restart': rollingRestart,
  'ha-postgres': postgresPromoted,
  'ha-sentinel': redisSentinel,
  'ha-redis-name': redisDemoted,
  'rolling-upgrade': rollingUpgrade,
};
/** Run one after the other as `ha`, each on servers of its own. */
const HIGH_AVAILABILITY = ['ha-postgres', 'ha-sentinel', 'ha-redis-name', 'rolling-upgrade'];
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
    scenario: textOption(
      'NAME',
      `measures one disturbance instead: ${Object.keys(SCENARIOS).join(', ')}; ha: the last ${HIGH_AVAILABILITY.length}`,
      (name) => name === 'ha' || Object.hasOwn(SCENARIOS, name),
    ),
  },
});
const { seed = String(Math.floor(Math.random() * 1e6)), rate } = values;
const names = values.scenario === 'ha' ? HIGH_AVAILABILITY : [values.scenario];

const begun = performance.now();
const log = (line: string) => {
  if (!values.quiet) console.error(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`);
};

async function run(stage: Stage, name: string | undefined): Promise<ScenarioResult> {
  const scenario = name === undefined ? undefined : SCENARIOS[name];
  const minutes = values.minutes ?? scenario?.minutes ?? 3;
  if (scenario) return scenario.run(stage, { minutes, log });
  const result = await campaign(stage, { seed, minutes, rate, log });
  const text = values.quiet ? toTable(result) : `${statusTable(result)}\n\n${toTable(result)}`;
  return { text, data: { ...result }, failed: failed(result) };
}

let end = async () => undefined as void;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end().then(() => process.exit(130)));
const results: ScenarioResult[] = [];
for (const name of names) {
  const logs = values.logs && names.length > 1 ? `${values.logs}/${name}` : values.logs;
  const stage = await createStage({ log, logs }).catch((error: unknown) => {
    console.error(String(error));
    process.exit(error instanceof NoServers ? 3 : 1);
  });
  let ending: Promise<void> | undefined;
  end = () => (ending ??= stage.stop());
  try {
    const result = await run(stage, name);
    console.log(result.text);
    results.push(result);
  } finally {
    await end();
  }
}
if (values.json) {
  const data =
    names.length > 1 ? Object.fromEntries(names.map((name, n) => [name, results[n]!.data])) : results[0]!.data;
  writeFileSync(values.json, `${JSON.stringify(data, null, 2)}\n`);
}
process.exit(results.some((result) => result.failed) ? 1 : 0);
