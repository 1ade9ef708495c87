import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { campaign } from './campaign.js';
import { failed, statusTable, toTable } from './report.js';
import { kafkaDown } from './scenarios/kafka-down.js';
import { redisFrozen } from './scenarios/redis-frozen.js';
import { rollingRestart } from './scenarios/rolling-restart.js';
import type { Scenario, ScenarioResult } from './scenarios/scenario.js';
import { createStage, NoServers, type Stage } from './stage.js';

const SCENARIOS: Record<string, Scenario> = {
  'kafka-down': kafkaDown,
  'redis-frozen': redisFrozen,
  'rolling-restart': rollingRestart,
};
const USAGE = `npm run chaos -- [--seed TEXT] [--minutes N] [--rate N] [--json FILE] [--logs FOLDER] [--quiet]
                  [--scenario ${Object.keys(SCENARIOS).join('|')}]

  --seed      decides what is disturbed and when; without it another one each time
  --minutes   how long, 3 unless told otherwise, 60 at the most
  --rate      operations a second, 40 unless told otherwise, 200 at the most
  --json      writes all counts to a file
  --logs      keeps the logs of the instances in a folder
  --scenario  measures one disturbance instead

Exit code 1 where something was lost, reordered, stale or unexpected; 3 where a server to kill cannot be had.`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    minutes: { type: 'string' },
    rate: { type: 'string', default: '40' },
    json: { type: 'string' },
    logs: { type: 'string' },
    quiet: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const scenario = values.scenario === undefined ? undefined : SCENARIOS[values.scenario];
const minutes = Number(values.minutes ?? scenario?.minutes ?? 3);
const rate = Number(values.rate);
if (values.help || (values.scenario && !scenario) || !(minutes > 0 && minutes <= 60 && rate > 0 && rate <= 200)) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

const begun = performance.now();
const log = (line: string) => {
  if (!values.quiet) console.error(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`);
};

async function run(stage: Stage): Promise<ScenarioResult> {
  if (scenario) return scenario.run(stage, { minutes, log });
  const result = await campaign(stage, { seed: values.seed, minutes, rate, log });
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
